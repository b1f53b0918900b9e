"""Events: one for each condition whose status changed, none for anything else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from llmmonitor_api.conditions import Condition, Status
from llmmonitor_api.shortened import shortened

NORMAL = "Normal"
WARNING = "Warning"
MESSAGE_LIMIT = 1024
"""As Kubernetes limits an Event's note."""


@dataclass(frozen=True, slots=True)
class Transition:
    """What becomes an Event."""

    type: str
    """`Normal` or `Warning`, as Kubernetes has it."""
    reason: str
    message: str


def transitions(before: Iterable[Condition], after: Iterable[Condition]) -> tuple[Transition, ...]:
    """Of conditions that were there before and changed their status, and of new ones that begin as False."""
    old = {one.type: one for one in before}
    found = []
    for one in after:
        was = old.get(one.type)
        if was is None and one.status is not Status.FALSE:
            continue
        if was is not None and was.status is one.status:
            continue
        path = f"{was.status} → {one.status}" if was else f"{one.status}"
        text = shortened(f"{one.type} {path}: {one.message}", MESSAGE_LIMIT)
        found.append(Transition(WARNING if one.status is Status.FALSE else NORMAL, one.reason, text))
    return tuple(found)
