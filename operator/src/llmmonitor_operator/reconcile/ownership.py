"""Whose a pod is: of several monitors that select it, the oldest has it; the others are told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from llmmonitor_api.spec.target import LabelSelector
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.kube.raw import mapping
from llmmonitor_operator.monitors import Known
from llmmonitor_operator.pods.pod import is_mine_to_watch
from llmmonitor_operator.pods.selectors import by_age, first_of, selects


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
        rivals: all monitors of the namespace, `known` among them.
        pods: of the namespace.
    """
    monitor = known.monitor
    if monitor is None:
        return Owned(())
    monitors = by_age(rival.monitor for rival in rivals if rival.monitor is not None)
    mine: list[dict[str, Any]] = []
    leaving: list[dict[str, Any]] = []
    others: dict[str, list[str]] = {}
    for pod in pods:
        owner = first_of(monitors, pod) if selects(monitor.spec.selector, pod) else None
        if owner is monitor:
            (mine if is_mine_to_watch(pod) else leaving).append(pod)
        elif owner is not None and is_mine_to_watch(pod):
            others.setdefault(owner.metadata.name, []).append(pod["metadata"]["name"])
    texts = [f"LLMMonitor {name} is older and has {wording.listed(names)}" for name, names in others.items()]
    return Owned(tuple(mine), tuple(leaving), "; ".join(texts))


def selected(pod: dict[str, Any], monitors: Iterable[Known]) -> bool:
    """Whether any of them selects the pod."""
    return any(one.monitor is not None and selects(one.monitor.spec.selector, pod) for one in monitors)


def may_be_selected(pod: dict[str, Any], monitors: Iterable[Known]) -> bool:
    """Whether any of them selects the pod, or did by a spec that this operator has never seen.

    The last valid spec stays in force, but where it could not be kept, an operator that begins after a
    mistake was made knows only the mistake: the selector counts then. Where that is the mistake, or it was
    not looked yet for what was kept, every pod may be the monitor's.
    """
    selectors = map(_selector, monitors)
    return any(one is None or selects(one, pod) for one in selectors)


def _selector(known: Known) -> LabelSelector | None:
    if known.monitor is not None:
        return known.monitor.spec.selector
    if not known.recalled:
        return None
    try:
        return LabelSelector.model_validate(mapping(known.raw.get("spec")).get("selector"))
    except ValidationError:
        return None
