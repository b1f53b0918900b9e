"""What a restart of pods is decided by, and how its progress is put down. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmmonitor_api.shortened import shortened
from llmmonitor_api.status import RestartStatus
from llmmonitor_operator.attach.replicas import Workload, is_leaving, uid_of
from llmmonitor_operator.kube.raw import Raw

_LABEL_LIMIT, _SENTENCE_LIMIT = 256, 1024


@dataclass(frozen=True, slots=True)
class Replica:
    """A pod that the monitor has."""

    pod: Raw
    wanted: str = ""
    """Why it is to be replaced, in words; empty when it is not."""
    reports: bool = False
    """Whether a sidecar in it has just reported."""
    monitored: bool = False
    """Whether a sidecar runs in it: those without have their turn first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that the decision rests on."""

    generation: int
    """Of the monitor's spec."""
    replicas: Sequence[Replica]
    """The monitor's own pods that run or are about to."""
    pods: Sequence[Raw]
    """All pods of the namespace, whoever has them."""
    workloads: Mapping[str, Workload]
    """By UID: those that control a pod to be replaced, and the one in which one is being replaced; one that
    is not there is gone."""
    now: float
    within_seconds: float
    """In which a successor has to be Ready and to report."""
    evicted: frozenset[str] = frozenset()
    """UIDs of pods that this process evicted: what is seen of them may be older."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """By UID of the pod, why the API server has not evicted it yet."""
    closed: str = ""
    """Why none may be evicted now, in words; empty when one may."""


def is_going(pod: Raw, seen: Seen) -> bool:
    """Whether it is on its way out, though it may not show it yet."""
    return is_leaving(pod) or uid_of(pod) in seen.evicted


def updated(progress: RestartStatus, **changes: Any) -> RestartStatus:
    """The progress with some fields changed."""
    if "message" in changes:
        changes["message"] = shortened(changes["message"], _SENTENCE_LIMIT)
    return progress.model_copy(update=changes)


def label(text: str) -> str:
    """As much of a name as the status takes."""
    return shortened(text, _LABEL_LIMIT)
