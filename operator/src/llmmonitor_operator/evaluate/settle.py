"""Steadies a verdict: holds the last one while there is nothing to judge by, and clears a bad one slowly.

Without traffic the last verdict stands for `holdFor`, marked with its age, then it is Unknown. After False,
the condition turns True only once nothing was wrong for `clearAfter`, and only by evidence that is newer than
what was wrong: silence clears nothing.
"""

from __future__ import annotations

from typing import TypeGuard

from llmmonitor_api.conditions import ConditionType, Status
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Verdict
from llmmonitor_operator.evaluate.registry import Row
from llmmonitor_operator.settings import Settings
from llmmonitor_operator.state import Held

NOTHING_TO_JUDGE_BY = frozenset({shared.NO_TRAFFIC.name, shared.TOO_FEW_REQUESTS.name})
"""Reasons under which the last verdict is repeated."""
_AGE_SHOWN_AFTER_INTERVALS = 4


def settle(
    row: Row, verdict: Verdict, held: Held | None, now: float, settings: Settings
) -> tuple[Verdict, Held | None]:
    """The verdict to show, and what to remember of it.

    Args:
        row: the condition.
        verdict: by what is seen now.
        held: what was remembered the last time.
        now: Unix seconds.
        settings: for `holdFor`, `clearAfter` and from which age on a verdict is marked.
    """
    kind = row.kind
    if verdict.reason.status is Status.UNKNOWN:
        if verdict.reason.name in NOTHING_TO_JUDGE_BY and _stands(held, now, settings):
            return _repeated(kind, held, now, settings), held
        return verdict, held
    evidence_at = now if verdict.evidence_at is None else verdict.evidence_at
    if verdict.reason.status is Status.FALSE:
        held = Held(verdict.reason.name, verdict.message, evidence_at, failing_at=evidence_at)
        return _repeated(kind, held, now, settings), held
    if held is not None and held.failing_at is not None:
        if evidence_at <= held.failing_at:
            return _repeated(kind, held, now, settings), held
        quiet = now - held.failing_at
        clear_after = row.clear_after_seconds(settings)
        if quiet < clear_after:
            clearing = Held(held.reason, held.message, evidence_at, held.failing_at)
            return _clearing(kind, clearing, quiet, clear_after), clearing
    held = Held(verdict.reason.name, verdict.message, evidence_at)
    return _repeated(kind, held, now, settings), held


def _stands(held: Held | None, now: float, settings: Settings) -> TypeGuard[Held]:
    return held is not None and now - held.judged_at <= settings.hold_for_seconds


def _clearing(kind: ConditionType, held: Held, quiet: float, clear_after: float) -> Verdict:
    return Verdict(
        kind.reason(held.reason),
        f"{held.message}; not any more for {wording.duration(quiet)}, clears after"
        f" {wording.duration(clear_after)}",
    )


def _repeated(kind: ConditionType, held: Held, now: float, settings: Settings) -> Verdict:
    age = now - held.judged_at
    shown = age > _AGE_SHOWN_AFTER_INTERVALS * settings.report_interval_seconds
    message = (
        f"{held.message} (as of {wording.duration(age)} ago: nothing to judge by since)"
        if shown
        else held.message
    )
    return Verdict(kind.reason(held.reason), message, held.judged_at)
