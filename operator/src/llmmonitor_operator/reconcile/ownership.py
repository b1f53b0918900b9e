"""Whose a pod is: of several monitors that select it, the oldest has it; the others are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.monitors import Known
from llmmonitor_operator.pods.pod import is_mine_to_watch
from llmmonitor_operator.pods.selectors import selects


@dataclass(frozen=True, slots=True)
class Owned:
    """The pods that one monitor selects."""

    pods: tuple[dict[str, Any], ...]
    """Those it has."""
    leaving: tuple[dict[str, Any], ...] = ()
    """Those it had and that are on their way out: what they still report is to be counted."""
    conflict: str = ""
    """Which older monitors have the others, in words; empty when it has all."""


def owned(known: Known, rivals: Iterable[Known], pods: Iterable[dict[str, Any]]) -> Owned:
    """What `known` has of `pods`.

    Args:
        known: a monitor with a valid spec, or none of it counts.
        rivals: all monitors of the namespace, the oldest first, `known` among them.
        pods: of the namespace.
    """
    monitor = known.monitor
    if monitor is None:
        return Owned(())
    older = []
    for rival in rivals:
        if rival.uid == known.uid:
            break
        older.append(rival)
    mine: list[dict[str, Any]] = []
    leaving: list[dict[str, Any]] = []
    others: dict[str, list[str]] = {}
    for pod in pods:
        if selects(monitor.spec.selector, pod):
            owner = owner_of(pod, older)
            if owner is None:
                (mine if is_mine_to_watch(pod) else leaving).append(pod)
            elif is_mine_to_watch(pod):
                others.setdefault(str(owner.raw["metadata"]["name"]), []).append(pod["metadata"]["name"])
    texts = [f"LLMMonitor {name} is older and has {wording.listed(names)}" for name, names in others.items()]
    return Owned(tuple(mine), tuple(leaving), "; ".join(texts))


def owner_of(pod: dict[str, Any], monitors: Sequence[Known]) -> Known | None:
    """The first of `monitors` (the oldest first) that selects the pod."""
    return next(
        (one for one in monitors if one.monitor is not None and selects(one.monitor.spec.selector, pod)), None
    )
