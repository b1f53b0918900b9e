"""What an objective is for, in words, and where it is not counted.

An objective of some models or operations says so wherever it is named. One that is not counted in a pod,
because the sidecar there has not taken it or is of a version that cannot, says that: it is never judged as if
it were of all requests, and never fails for want of a request.
"""

from __future__ import annotations

from collections.abc import Iterable

from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.settings import ObjectiveSettings
from llmmonitor_operator.state import Source

_NAMED_LIMIT = 3


def titled(objective: ObjectiveSettings) -> str:
    """`slow`, or `slow for model lora-* and operation chat`."""
    found = scope(objective)
    return f"{objective.name} for {found}" if found else objective.name


def scope(objective: ObjectiveSettings) -> str:
    """`model lora-a or lora-b and operation chat`; empty for one of all requests."""
    parts = [("model", objective.models), ("operation", objective.operations)]
    return " and ".join(f"{what} {_any_of(names)}" for what, names in parts if names)


def _any_of(names: tuple[str, ...]) -> str:
    shown = list(names[:_NAMED_LIMIT])
    if len(names) > _NAMED_LIMIT:
        shown.append(f"{len(names) - _NAMED_LIMIT} more")
    return " or ".join(shown)


def not_counted_by(objective: ObjectiveSettings, fresh: Iterable[tuple[str, Source]]) -> tuple[str, ...]:
    """Pods whose sidecars report and do not count it, by name; only such as an older one may not know."""
    if not objective.further:
        return ()
    key = objective.key
    return tuple(name for name, source in fresh if key not in source.objectives)


def why_not_counted(names: tuple[str, ...], fresh: int) -> str:
    """`not counted in 1 of 3 pods (chat-2): …` with the way out; empty where it is counted everywhere."""
    if not names:
        return ""
    return (
        f"not counted in {wording.count(len(names))} of {wording.counted(fresh, 'pod')}"
        f" ({wording.listed(names)}): the sidecar has not taken this objective;"
        " one of an older version, which cannot, goes when its pod is replaced"
    )
