"""Pods that work for a monitored one without being selected: they cost what it costs.

A model that is spread over several pods is often selected by its leader alone. Its workers are found by the
labels that LeaderWorkerSet (v1: `name` and `group-index`) and KubeRay (v1: `cluster`) put on all pods of one
group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

Pod = dict[str, Any]
_GROUPS = (
    ("leaderworkerset.sigs.k8s.io/name", "leaderworkerset.sigs.k8s.io/group-index"),
    ("ray.io/cluster",),
)
"""Labels that together name a group."""


def group_workers(
    mine: Sequence[Pod], everyone: Callable[[], Iterable[Pod]], is_anothers: Callable[[Pod], bool]
) -> list[Pod]:
    """Pods of the groups that `mine` are of, without `mine`: they work for those that answer.

    Args:
        mine: the pods that a monitor has.
        everyone: gives the pods of the namespace; asked only where there is a group.
        is_anothers: whether another monitor has the pod, and so its cost.
    """
    groups = {group for pod in mine for group in _groups(pod)}
    if not groups:
        return []
    own = {pod["metadata"]["uid"] for pod in mine}
    return [
        pod
        for pod in everyone()
        if pod["metadata"]["uid"] not in own and not groups.isdisjoint(_groups(pod)) and not is_anothers(pod)
    ]


def _groups(pod: Pod) -> list[tuple[tuple[str, str], ...]]:
    labels = (pod.get("metadata") or {}).get("labels") or {}
    return [
        tuple((name, labels[name]) for name in names)
        for names in _GROUPS
        if all(name in labels for name in names)
    ]
