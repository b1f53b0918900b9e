"""A workload and its pods, as far as that decides whether one may go: who makes it anew, who is Ready. Pure.

A workload's own status may lag behind its pods, and what is seen of the pods behind the cluster; so a pod may
go only where both say that all is well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw, mapping, sequence

APPS = "apps"
LWS = "leaderworkerset.x-k8s.io"
REPLICA_SET = (APPS, "ReplicaSet")
STATEFUL_SET = (APPS, "StatefulSet")
LEADER_WORKER_SET = (LWS, "LeaderWorkerSet")
RESTARTABLE = frozenset({REPLICA_SET, STATEFUL_SET})
"""Kinds that make their pods anew one by one. A LeaderWorkerSet owns the StatefulSet of its leaders."""
_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class Controller:
    """What makes an object anew when it is gone."""

    group: str
    kind: str
    name: str
    uid: str

    @property
    def title(self) -> str:
        """As messages name it: `ReplicaSet chat-7d4b9c`."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Workload:
    """A controller of pods, as it was just read."""

    uid: str
    title: str
    replicas: int | None = None
    """How many it shall have; None for a kind that is not read."""
    ready: int | None = None
    """How many it says are Ready; the least, where several count."""
    unfit: str = ""
    """Why its pods are not replaced, whatever their number, in words; empty where they may be."""


def controller_of(thing: Raw) -> Controller | None:
    """The owner that controls an object; none for a bare pod, or one that a kubelet reads from a file."""
    for owner in map(mapping, sequence(mapping(thing.get("metadata")).get("ownerReferences"))):
        if owner.get("controller") is True and owner.get("kind") != "Node":
            group = str(owner.get("apiVersion", "")).rpartition("/")[0]
            return Controller(group, str(owner.get("kind")), str(owner.get("name")), str(owner.get("uid")))
    return None


def workload_of(controller: Controller, raw: Raw | None = None, above: Raw | None = None) -> Workload:
    """What its objects say.

    Args:
        controller: of the pods.
        raw: its object; None for a kind that is not read.
        above: the LeaderWorkerSet that controls it, where one does and it is there.
    """
    if raw is None:
        words = f"{controller.title} is none of ReplicaSet, StatefulSet and LeaderWorkerSet"
        return Workload(controller.uid, controller.title, unfit=words)
    over = controller_of(raw)
    if over is not None and over.kind == "Pod":
        words = f"{controller.title} belongs to pod {over.name}: only leaders of a group are replaced"
        return Workload(controller.uid, controller.title, unfit=words)
    if over is not None and (over.group, over.kind) == LEADER_WORKER_SET:
        if above is None:
            words = f"{over.title}, which has {controller.title}, is not there"
            return Workload(controller.uid, controller.title, unfit=words)
        numbers = _numbers(raw), _numbers(above)
        return Workload(
            controller.uid, over.title, max(one[0] for one in numbers), min(one[1] for one in numbers)
        )
    replicas, ready = _numbers(raw)
    return Workload(controller.uid, controller.title, replicas, ready)


def not_whole(workload: Workload, pods: Iterable[Raw], evicted: Collection[str]) -> str:
    """What the workload lacks, in words; empty when all of its pods are there and Ready.

    Args:
        workload: as just read.
        pods: all of its pods, those on their way out included.
        evicted: UIDs of pods that were evicted, which they may not show yet.
    """
    there = [pod for pod in pods if not has_ended(pod)]
    for pod in there:
        if is_leaving(pod) or uid_of(pod) in evicted:
            return f"pod {name_of(pod)} of {workload.title} is still ending"
    for pod in there:
        if ready_since(pod) is None:
            return f"pod {name_of(pod)} of {workload.title} is not Ready"
    wanted = workload.replicas
    if wanted is not None and len(there) < wanted:
        return f"{workload.title} has {len(there)} of {wanted} pods"
    if wanted is not None and (workload.ready or 0) < wanted:
        return f"{workload.title} says that {workload.ready or 0} of {wanted} replicas are Ready"
    return ""


def of_workload(pods: Iterable[Raw], uid: str) -> Sequence[Raw]:
    """Those of `pods` that it controls."""
    found = ((pod, controller_of(pod)) for pod in pods)
    return [pod for pod, controller in found if controller is not None and controller.uid == uid]


def ready_since(pod: Raw) -> float | None:
    """Unix seconds since when it is Ready; None while it is not."""
    for one in map(mapping, sequence(mapping(pod.get("status")).get("conditions"))):
        if one.get("type") == "Ready" and one.get("status") == "True":
            return unix_seconds(one.get("lastTransitionTime")) or 0.0
    return None


def is_leaving(pod: Raw) -> bool:
    """Whether it is on its way out."""
    return bool(mapping(pod.get("metadata")).get("deletionTimestamp"))


def has_ended(pod: Raw) -> bool:
    """Whether its containers have ended for good: such a pod may stay for long and serves nobody."""
    return mapping(pod.get("status")).get("phase") in _ENDED


def created_at(pod: Raw) -> float:
    """Unix seconds."""
    return unix_seconds(mapping(pod.get("metadata")).get("creationTimestamp")) or 0.0


def name_of(pod: Raw) -> str:
    """Its name."""
    return str(mapping(pod.get("metadata")).get("name") or "")


def uid_of(pod: Raw) -> str:
    """Its identity."""
    return str(mapping(pod.get("metadata")).get("uid") or "")


def _numbers(raw: Raw) -> tuple[int, int]:
    """Wanted and Ready."""
    wanted = mapping(raw.get("spec")).get("replicas")
    ready = mapping(raw.get("status")).get("readyReplicas")
    return wanted if isinstance(wanted, int) else 1, ready if isinstance(ready, int) else 0
