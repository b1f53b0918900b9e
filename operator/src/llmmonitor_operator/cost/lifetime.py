"""Of a pod, what its cost depends on: since when it has a node, its devices, and whether the model serves.

A pod costs from the moment that a node is its own until its containers have ended; one that waits for a node
costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from llmmonitor_operator.kube.kept import remembered
from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import gpus_requested

_ENDED = frozenset({"Succeeded", "Failed"})
_STATUSES = ("containerStatuses", "initContainerStatuses")


@dataclass(frozen=True, slots=True)
class Lifetime:
    """One pod; moments in Unix milliseconds."""

    uid: str
    scheduled_at: int | None
    """When it got its node; None where the API does not say."""
    node: str = ""
    gpus: int = 0
    """GPUs requested, or parts of one."""
    ready: bool = False
    ready_changed_at: int | None = None
    """When that last changed."""
    leaving: bool = False
    """Whether it is being deleted: it may answer what it has begun."""
    ended: bool = False
    ended_at: int | None = None
    """When its last container ended; None where the API does not say."""
    works_for_others: bool = False
    """Whether it is a worker of a group: it is as busy as those that answer."""


def lifetime_of(pod: Raw) -> Lifetime | None:
    """The pod as a mirror has it; None while it has no node."""
    return remembered(pod, "lifetime", lambda: _read(pod))


def _read(pod: Raw) -> Lifetime | None:
    metadata, status = pod.get("metadata") or {}, pod.get("status") or {}
    conditions = {one.get("type"): one for one in status.get("conditions") or ()}
    phase = status.get("phase", "Pending")
    scheduled = conditions.get("PodScheduled") or {}
    node = (pod.get("spec") or {}).get("nodeName") or ""
    if not node and phase == "Pending" and scheduled.get("status") != "True":
        return None
    moments = (
        scheduled.get("lastTransitionTime"),
        status.get("startTime"),
        metadata.get("creationTimestamp"),
    )
    ready = conditions.get("Ready") or {}
    return Lifetime(
        uid=metadata["uid"],
        scheduled_at=next((at for one in moments if (at := _ms(one)) is not None), None),
        node=node,
        gpus=gpus_requested(pod),
        ready=ready.get("status") == "True",
        ready_changed_at=_ms(ready.get("lastTransitionTime")),
        leaving=bool(metadata.get("deletionTimestamp")),
        ended=phase in _ENDED,
        ended_at=max(_ends(status), default=None) if phase in _ENDED else None,
    )


def _ends(status: Raw) -> Iterator[int]:
    for kind in _STATUSES:
        for one in status.get(kind) or ():
            at = _ms(((one.get("state") or {}).get("terminated") or {}).get("finishedAt"))
            if at is not None:
                yield at


def _ms(written: object) -> int | None:
    at = unix_seconds(written)
    return None if at is None else int(at * 1000)
