"""May a sidecar be attached to this pod now, and if not, why not and when to look again.

Attaching cannot keep a pod from starting, so it is the first way in everywhere; but it cannot be undone, and
it shares the pod's memory. Everything here is read from the pod and the verdict of its namespace: nothing is
remembered between two looks. That a monitor selects the pod, and is the older of two that do, is the caller's
to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from llmmonitor_api.conditions import Reason
from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.spec import LLMMonitor
from llmmonitor_api.spec.target import ExistingPods
from llmmonitor_operator.attach.headroom import too_little
from llmmonitor_operator.attach.lives import Life, attached_lives, crash_wait_seconds, life_of, may_follow_at
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.inject.ports import no_port_is_left
from llmmonitor_operator.kube.kept import remembered
from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw, mapping
from llmmonitor_operator.pods.pod import (
    ATTACHMENTS_LIMIT,
    container_status,
    is_static,
    next_attachment,
    opted_out,
    our_native,
)
from llmmonitor_operator.pods.serving import Serving
from llmmonitor_operator.preflight.mode import ModeChoice, choose_mode
from llmmonitor_operator.preflight.verdict import Common, NamespaceVerdict

SOON_SECONDS = 5.0
LATER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Attach:
    """Yes."""

    number: int
    """Of the ephemeral container: `llm-monitor-NUMBER`."""
    choice: ModeChoice
    """With a mode; its reason, if any, is for the condition Intercepting."""


@dataclass(frozen=True, slots=True)
class NotNow:
    """No."""

    reason: str
    """Of the condition Injected; empty when nothing is missing."""
    message: str
    retry_after_seconds: float | None
    """None: only a change of the pod, the monitor or the namespace makes another answer."""


def may_attach(  # noqa: PLR0913 - what the decision rests on, each found by another part
    pod: Raw,
    monitor: LLMMonitor,
    serving: Serving,
    *,
    common: Common,
    verdict: NamespaceVerdict | None,
    now: float,
    proves: bool,
    memory_used_bytes: float | None = None,
    namespace: Raw | None = None,
) -> Attach | NotNow:
    """Whether to attach now.

    Args:
        pod: matches the monitor.
        monitor: the one that the pod belongs to.
        serving: where the pod's model serves.
        common: the sidecar of now.
        verdict: of the namespace, under its rules of now; None before the first pre-flight.
        now: Unix seconds.
        proves: this pod is the one to show that the sidecar runs in this namespace (of `proof.provers`),
            which is done under every `existingPods`: a container that is attached cannot block. It counts
            only until the image is proved.
        memory_used_bytes: by the whole pod, from metrics.k8s.io or its last report; None while not known.
        namespace: its Namespace object, where that is known.
    """
    missing = _missing(pod, monitor, common, verdict)
    proves = proves and not (verdict and verdict.proves(common.image))
    refusal = _not_wanted(pod, monitor, missing, proves=proves) or _not_ready(pod, serving, missing, now)
    if refusal:
        return refusal
    if verdict is None:
        words = "the namespace has not been looked at yet"
        return NotNow(reasons.PREFLIGHT_PENDING.name, words, SOON_SECONDS)
    choice = choose_mode(
        monitor,
        pod,
        serving,
        verdict,
        server_version=common.server_version,
        attaching=True,
        namespace=namespace,
    )
    if choice.mode is None:
        return NotNow(choice.reason, choice.message, LATER_SECONDS)
    if no_port_is_left(pod, serving, monitor.spec.interception):
        words = "no port is left for the sidecar; set spec.interception.relayPort and apiPort lower"
        return NotNow(reasons.NOT_INJECTED.name, words, None)
    words = too_little(pod, common.memory_limit, memory_used_bytes)
    if words:
        return NotNow(reasons.NO_MEMORY_HEADROOM.name, words, LATER_SECONDS)
    return Attach(next_attachment(pod), choice)


def _missing(pod: Raw, monitor: LLMMonitor, common: Common, verdict: NamespaceVerdict | None) -> Reason:
    """Why the pod has no sidecar yet, as long as nothing else speaks against one."""
    if predates(pod, monitor):
        return reasons.POD_PREDATES_MONITOR
    if verdict is None or not verdict.proves(common.image):
        return reasons.PREFLIGHT_PENDING
    return reasons.WEBHOOK_MISSED


def _not_wanted(pod: Raw, monitor: LLMMonitor, missing: Reason, *, proves: bool) -> NotNow | None:
    if opted_out(pod):
        return NotNow(reasons.OPTED_OUT.name, "its annotation llmmonitor.io/inject is false", None)
    if is_static(pod):
        return NotNow(missing.name, "a static pod, which nothing can be attached to", None)
    if our_native(pod) is not None:
        life = life_of(pod, str((our_native(pod) or {}).get("name", "")))
        reason = "" if life.running else reasons.SIDECAR_NOT_STARTED.name
        return NotNow(reason, life.words or "the sidecar was injected", None)
    wanted = monitor.spec.existing_pods
    if proves or wanted is ExistingPods.ATTACH or not predates(pod, monitor):
        return None
    return NotNow(missing.name, f"existingPods is {wanted.value}", None)


def _not_ready(pod: Raw, serving: Serving, missing: Reason, now: float) -> NotNow | None:
    """What in the pod itself speaks against attaching at this moment."""
    phase = mapping(pod.get("status")).get("phase")
    if phase != "Running":
        return NotNow(missing.name, f"the pod is {phase or 'Pending'}", SOON_SECONDS)
    lives = attached_lives(pod)
    return _has_one(lives) or _unsettled(pod, serving, lives, missing, now)


def _has_one(lives: Sequence[Life]) -> NotNow | None:
    """A sidecar that is attached already, or as many as there can be."""
    if not lives:
        return None
    last = lives[-1]
    if last.running:
        return NotNow("", "a sidecar is attached", None)
    if last.ended_at is None:
        return NotNow(reasons.SIDECAR_NOT_STARTED.name, last.words, SOON_SECONDS)
    if len(lives) >= ATTACHMENTS_LIMIT:
        words = f"attached {ATTACHMENTS_LIMIT} times, which is the limit; the last one ended: {last.words}"
        return NotNow(reasons.ATTACH_EXHAUSTED.name, words, None)
    return None


def _unsettled(
    pod: Raw, serving: Serving, lives: Sequence[Life], missing: Reason, now: float
) -> NotNow | None:
    """A model that does not run yet or may be crashing, or a sidecar that ended just now."""
    model = life_of(pod, serving.container)
    if not model.running:
        words = f"container {serving.container} does not run: {model.words}"
        return NotNow(missing.name, words, SOON_SECONDS)
    restarts = (container_status(pod, serving.container) or {}).get("restartCount")
    settled_at = (model.started_at or 0.0) + crash_wait_seconds(restarts if isinstance(restarts, int) else 0)
    words = f"container {serving.container} restarted ({restarts} times)"
    if now >= settled_at:
        settled_at = may_follow_at(lives)
        words = f"the last sidecar ended: {lives[-1].words if lives else ''}"
    if now >= settled_at:
        return None
    left = settled_at - now
    return NotNow(missing.name, f"{words}; attached in {wording.duration(max(left, 1.0))}", left)


def predates(pod: Raw, monitor: LLMMonitor) -> bool:
    """Whether the pod came before the monitor: the webhook was not asked for one then."""
    created = remembered(
        pod, "created", lambda: unix_seconds(mapping(pod.get("metadata")).get("creationTimestamp"))
    )
    since: datetime | None = monitor.metadata.creation_timestamp
    return since is None or created is None or created < since.timestamp()
