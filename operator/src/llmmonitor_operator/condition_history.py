"""When each condition went which way, with its reason: what a report shows of a period.

`evaluate/` adds, the checkpoint keeps it, `llm-monitor report` draws it. A step for each change of a status,
as an Event has it; between two steps nothing changed as far as the operator looked. Bounded by the condition,
so that one that flaps drives out no other's past, and what was dropped is counted.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from llmmonitor_api.conditions import Condition, Status
from llmmonitor_api.shortened import shortened

STEPS_LIMIT = 40
"""Of one condition; the oldest go."""
TYPES_LIMIT = 32
WORDS_LIMIT = 160
"""Characters of a message."""


class Step(msgspec.Struct, frozen=True, array_like=True):
    """What a condition was from a moment on."""

    at: int
    """Unix seconds."""
    status: Status
    reason: str
    words: str = ""
    """Its message then, cut; empty where a checkpoint had no room for it."""


class ConditionHistory(msgspec.Struct, frozen=True):
    """All of it; `ConditionHistory()` before the first condition."""

    steps: dict[str, tuple[Step, ...]] = {}
    """By condition type, in order; the first is of when it began to be kept, or of when that status began."""
    dropped: dict[str, int] = {}
    """How many older steps went for want of room, by condition type."""


def with_steps(
    history: ConditionHistory, before: Iterable[Condition], after: Iterable[Condition]
) -> ConditionHistory:
    """The history with these conditions; the same object if none changed its status.

    Args:
        history: so far.
        before: the conditions of the evaluation before, or after a takeover those of the object itself, which
            may be newer than what a checkpoint has.
        after: those of now.
    """
    steps, dropped = dict(history.steps), dict(history.dropped)
    for one in (*before, *after):
        known = steps.get(one.type, ())
        if one.last_transition_time is None or (not known and len(steps) >= TYPES_LIMIT):
            continue
        if known and known[-1].status is one.status:
            continue
        at = int(one.last_transition_time.timestamp())
        if known and known[-1].at > at:  # a clock that was ahead, and was put right
            known = tuple(msgspec.structs.replace(each, at=min(each.at, at)) for each in known)
        step = Step(at, one.status, one.reason, shortened(one.message, WORDS_LIMIT))
        if len(known) >= STEPS_LIMIT:
            dropped[one.type] = dropped.get(one.type, 0) + len(known) + 1 - STEPS_LIMIT
        steps[one.type] = (*known, step)[-STEPS_LIMIT:]
    return history if steps == history.steps else ConditionHistory(steps, dropped)


def without_words(history: ConditionHistory) -> ConditionHistory:
    """With the message of the newest step of each condition alone."""
    return msgspec.structs.replace(
        history,
        steps={
            kind: (*(msgspec.structs.replace(one, words="") for one in steps[:-1]), *steps[-1:])
            for kind, steps in history.steps.items()
        },
    )


def without_older_steps(history: ConditionHistory) -> ConditionHistory:
    """With the number of steps that went alone: the newest are what the conditions themselves say."""
    gone = {kind: history.dropped.get(kind, 0) + len(steps) - 1 for kind, steps in history.steps.items()}
    return ConditionHistory({}, {kind: many for kind, many in gone.items() if many})
