"""Which pod to evict because our sidecar keeps it from starting, so that its controller makes it anew.

One at a time, each once, only what a controller brings back, and only after the suspension has had time to
reach the webhook: else the successor would get the same sidecar. (A pod that waits for an older image than
the operator's needs no suspension: no successor gets that.) The Eviction API is left to the caller; a
PodDisruptionBudget may make it wait (429).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmmonitor_operator.attach.proof import blocked
from llmmonitor_operator.attach.replicas import controller_of
from llmmonitor_operator.kube.raw import Raw, mapping
from llmmonitor_operator.pods.pod import our_native
from llmmonitor_operator.preflight.verdict import NamespaceVerdict

KNOWN_AFTER_SECONDS = 5.0
"""A watch brings a ConfigMap to the webhook in far less."""


@dataclass(frozen=True, slots=True)
class Eviction:
    """The pod to evict."""

    namespace: str
    name: str
    uid: str
    """For the eviction's precondition: a successor of the same name is left alone."""
    message: str
    """Why, for the event and the log."""


def to_evict(
    pods: Sequence[Raw], verdict: NamespaceVerdict, evicted: frozenset[str], now: float, *, image: str
) -> Eviction | None:
    """The next one, or None.

    Args:
        pods: all of the namespace's that a monitor matches.
        verdict: of the namespace.
        evicted: UIDs that were evicted before.
        now: Unix seconds.
        image: of the sidecar that is injected now, where nothing speaks against it.
    """
    if any(_leaving(pod) and our_native(pod) is not None for pod in pods):
        return None
    injection_ended = bool(verdict.suspended) and now - verdict.suspended_at >= KNOWN_AFTER_SECONDS
    owned = {mapping(pod.get("metadata")).get("uid") for pod in pods if has_controller(pod)}
    for one in blocked(pods, now):
        comes_back_without = injection_ended or one.image != image
        if comes_back_without and one.uid in owned and one.uid not in evicted:
            return Eviction(one.namespace, one.name, one.uid, one.message)
    return None


def has_controller(pod: Raw) -> bool:
    """Whether something makes the pod anew when it is gone."""
    return controller_of(pod) is not None


def _leaving(pod: Raw) -> bool:
    return bool(mapping(pod.get("metadata")).get("deletionTimestamp"))
