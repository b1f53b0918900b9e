"""How one pod of a monitor stands: whether its sidecar works, why not, and what to do about it.

A function of the pod, its monitor, the namespace's verdict and the time; acting on it is the pass's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.spec import LLMMonitor
from llmmonitor_api.spec.interception import InterceptionMode
from llmmonitor_operator.admit.injectable import EVERYWHERE, Asked, not_asked, not_injectable
from llmmonitor_operator.attach.decide import Attach, may_attach, predates
from llmmonitor_operator.attach.outdated import not_to_be_pushed
from llmmonitor_operator.attach.proof import BLOCKING_SECONDS, blocked
from llmmonitor_operator.evaluate.environment import ExpectedPod, LeftOut
from llmmonitor_operator.inject.plan import Mode
from llmmonitor_operator.inject.resources import resources_for
from llmmonitor_operator.keys.begun_with import begins_with
from llmmonitor_operator.kube.kept import Kept, remembered
from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import (
    NATIVE_NAME,
    OurSidecar,
    gpus_requested,
    oom_killed_at,
    opted_out,
    our_sidecar,
)
from llmmonitor_operator.pods.serving import NotServing, Serving, Worker, find_serving
from llmmonitor_operator.preflight.limits import objection_then
from llmmonitor_operator.preflight.mode import choose_mode
from llmmonitor_operator.preflight.verdict import Common, NamespaceVerdict
from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.versions.fingerprint import LABEL, parts_of_pod

LOOK_AGAIN_SECONDS = 2.0
"""While something is about to happen: a container starts, a first report is due."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a pod's standing depends on beside itself."""

    monitor: LLMMonitor
    common: Common
    verdict: NamespaceVerdict
    namespace: Raw | None
    proving_pod: str
    """UID of the pod that shall show that the sidecar runs in this namespace."""
    now: float
    first_seen: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """When each container of ours (pod UID, container) was first seen: the API does not say when it came."""
    at_work: Mapping[str, str] = field(default_factory=dict)
    """Which of our containers reported last, by pod UID: of two that run, one waits."""
    quotas: Sequence[Raw] = ()
    """The namespace's ResourceQuota objects."""
    limit_ranges: Sequence[Raw] = ()
    """The namespace's LimitRange objects."""
    webhook: Asked = EVERYWHERE
    """When the webhook is asked."""
    left_out: bool = False
    """Whether the webhook is told nothing of the namespace, for want of room."""
    fingerprint_key: bytes = b""
    """By which arguments that are not shown are hashed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One pod."""

    pod: Raw
    expected: ExpectedPod
    sidecar: OurSidecar | None = None
    serving: Serving | None = None
    address: Address | None = None
    """Where its sidecar answers; None while none runs."""
    attach: Attach | None = None
    """To be done now."""
    look_again_seconds: float | None = None
    """When something is expected to have changed."""


def standing(pod: Raw, facts: Facts, memory_used_bytes: float | None = None) -> Standing | LeftOut:
    """How `pod`, which the monitor selects and owns, stands.

    Args:
        pod: runs or is about to.
        facts: see there.
        memory_used_bytes: by the whole pod, where it is known.
    """
    name = pod["metadata"]["name"]
    sidecar = our_sidecar(pod, facts.at_work.get(pod["metadata"]["uid"], ""))
    if opted_out(pod) and sidecar is None:
        return LeftOut(name, reasons.OPTED_OUT.name)
    try:
        serving = find_serving(pod, facts.monitor.spec.target)
    except Worker:
        return LeftOut(name, reasons.WORKER.name)
    except NotServing as error:  # one that runs goes on by what it was told, and is heard
        expected = _expected(pod, facts, reasons.MODEL_SERVER_NOT_FOUND.name, str(error), sidecar=sidecar)
        return Standing(pod, expected, sidecar, address=_address(pod, sidecar))
    if sidecar is not None and sidecar.running:
        return _running_as_before(pod, facts, sidecar, serving)
    return _without(pod, facts, sidecar, serving, memory_used_bytes)


def address_of(pod: Raw) -> Address | None:
    """Where its sidecar answers; None while none runs."""
    return _address(pod, our_sidecar(pod))


def _address(pod: Raw, sidecar: OurSidecar | None) -> Address | None:
    name = sidecar.name if sidecar is not None else ""
    return remembered(pod, ("address", name), lambda: _found_address(pod, sidecar))


def _found_address(pod: Raw, sidecar: OurSidecar | None) -> Address | None:
    ip = (pod.get("status") or {}).get("podIP", "")
    if sidecar is None or not sidecar.running or not ip or not sidecar.api_port:
        return None
    on_the_node = bool(pod["spec"].get("hostNetwork"))
    begun_with = begins_with(sidecar.environment)
    return Address(pod["metadata"]["uid"], ip, sidecar.api_port, begun_with, on_the_node=on_the_node)


def _running_as_before(pod: Raw, facts: Facts, sidecar: OurSidecar, serving: Serving) -> Standing:
    """Most pods stand in every pass as they stood in the last: what that depends on is compared instead."""
    if not isinstance(pod, Kept) or sidecar.mode == Mode.OFF:
        return _running(pod, facts, sidecar, serving)
    proved = facts.verdict.proves(facts.common.image)
    basis = facts.common.image, pod["metadata"]["uid"] == facts.proving_pod and not proved
    monitor, before, of, found = pod.readings.get("standing", (None, None, None, None))
    if monitor is facts.monitor and before == basis and of is sidecar:
        standing: Standing = found
        return standing
    standing = _running(pod, facts, sidecar, serving)
    pod.readings["standing"] = facts.monitor, basis, sidecar, standing
    return standing


def _running(pod: Raw, facts: Facts, sidecar: OurSidecar, serving: Serving) -> Standing:
    uid = pod["metadata"]["uid"]
    outdated = _outdated(facts, sidecar, serving)
    reason = reasons.OUTDATED.name if outdated else ""
    expected = _expected(pod, facts, reason, outdated, sidecar=sidecar, serving=serving)
    proving = uid == facts.proving_pod and not facts.verdict.proves(facts.common.image)
    again = 10.0 if proving else None
    return Standing(pod, expected, sidecar, serving, _address(pod, sidecar), look_again_seconds=again)


def _outdated(facts: Facts, sidecar: OurSidecar, serving: Serving) -> str:
    """What of the sidecar is not as it would be made now and cannot be pushed; empty when nothing."""
    if sidecar.image != facts.common.image:
        return f"its image is {sidecar.image}, the operator's {facts.common.image}"
    return not_to_be_pushed(facts.monitor, sidecar, serving)


def _without(
    pod: Raw, facts: Facts, sidecar: OurSidecar | None, serving: Serving, memory_used_bytes: float | None
) -> Standing:
    """No sidecar runs in it."""
    answer = may_attach(
        pod,
        facts.monitor,
        serving,
        common=facts.common,
        verdict=facts.verdict,
        now=facts.now,
        proves=pod["metadata"]["uid"] == facts.proving_pod,
        memory_used_bytes=memory_used_bytes,
        namespace=facts.namespace,
    )
    if isinstance(answer, Attach):
        reason, message = _missing(pod, facts)
        return Standing(
            pod,
            _expected(pod, facts, reason, message, sidecar=sidecar, serving=serving),
            sidecar,
            serving,
            attach=answer,
            look_again_seconds=LOOK_AGAIN_SECONDS,
        )
    starting = answer.reason in {"", reasons.SIDECAR_NOT_STARTED.name} and _begins(pod, sidecar, facts)
    blocks = sidecar is not None and sidecar.kind == "native" and _blocks(pod, facts, sidecar)
    told_not_to = _told_not_to(pod, facts) if answer.reason == reasons.WEBHOOK_MISSED.name else None
    if told_not_to:  # a webhook that does not inject because it must not has missed nothing
        answer = replace(answer, reason=told_not_to[0], message=f"{told_not_to[1]}; {answer.message}")
    reason = reasons.SIDECAR_STARTING.name if starting else answer.reason
    if reason == reasons.SIDECAR_NOT_STARTED.name and blocks:
        reason = reasons.SIDECAR_BLOCKS_POD.name
    again = LOOK_AGAIN_SECONDS if starting else answer.retry_after_seconds
    expected = _expected(pod, facts, reason, answer.message, sidecar=sidecar, serving=serving)
    return Standing(pod, expected, sidecar, serving, look_again_seconds=again)


def _missing(pod: Raw, facts: Facts) -> tuple[str, str]:
    """Why it has none, in the moment before one is attached."""
    created = unix_seconds(pod["metadata"].get("creationTimestamp")) or 0.0
    since = facts.monitor.metadata.creation_timestamp
    if since is not None and created >= since.timestamp() and facts.verdict.proves(facts.common.image):
        told_not_to = _told_not_to(pod, facts)
        if told_not_to:
            return told_not_to[0], f"{told_not_to[1]}; being attached instead"
        return reasons.WEBHOOK_MISSED.name, "created without a sidecar; being attached"
    return reasons.SIDECAR_STARTING.name, "older than the monitor; being attached"


def _blocks(pod: Raw, facts: Facts, sidecar: OurSidecar) -> bool:
    """Whether injection has stopped, or stops at the next look at the namespace, for the pod's sidecar."""
    held_up = sidecar.image == facts.common.image and bool(blocked([pod], facts.now))
    return held_up or bool(facts.verdict.suspended)


def _told_not_to(pod: Raw, facts: Facts) -> tuple[str, str] | None:
    """Reason and words, when the webhook left the pod as it was on purpose."""
    if facts.verdict.suspended:
        return facts.verdict.suspended, facts.verdict.message
    words = not_asked(facts.webhook, facts.namespace)
    kept_out = not_injectable(pod)
    if kept_out and not words:
        words = kept_out[1]
    if facts.left_out and not words:
        words = "there is no room for the namespace's verdict beside the others'"
    if words:
        return reasons.NOT_INJECTED.name, words
    sidecar = {"name": NATIVE_NAME, "restartPolicy": "Always"}
    resources = resources_for(pod, facts.common.sidecar)
    words = objection_then(pod, {**sidecar, "resources": resources}, facts.quotas, facts.limit_ranges)
    return (reasons.INJECTION_SUSPENDED.name, words) if words else None


def _begins(pod: Raw, sidecar: OurSidecar | None, facts: Facts) -> bool:
    """Whether its sidecar has had no time to start: 30 s after it came into the pod."""
    if sidecar is None:
        return False
    if sidecar.kind == "ephemeral":
        return (
            facts.now - facts.first_seen.get((pod["metadata"]["uid"], sidecar.name), facts.now)
            < BLOCKING_SECONDS
        )
    scheduled = next(
        (
            unix_seconds(one.get("lastTransitionTime"))
            for one in (pod.get("status") or {}).get("conditions") or ()
            if one.get("type") == "PodReadyToStartContainers" and one.get("status") == "True"
        ),
        None,
    )
    return scheduled is None or facts.now - scheduled < BLOCKING_SECONDS


def _expected(  # noqa: PLR0913 - all parts of one record
    pod: Raw,
    facts: Facts,
    reason: str,
    message: str,
    *,
    sidecar: OurSidecar | None = None,
    serving: Serving | None = None,
) -> ExpectedPod:
    not_reading, words = "", ""
    if sidecar is not None and serving is not None and sidecar.mode == Mode.OFF:
        not_reading, words = _not_reading(pod, facts, serving)
    started = sidecar.started_at if sidecar is not None and sidecar.running else None
    return ExpectedPod(
        uid=pod["metadata"]["uid"],
        name=pod["metadata"]["name"],
        expected_since=started if started is not None else facts.now,
        engine=serving.engine.value if serving is not None else "",
        serves=f"container {serving.container}, port {serving.port} ({serving.because})" if serving else "",
        gpus_requested=gpus_requested(pod),
        injection=reason,
        injection_message=message,
        predates=predates(pod, facts.monitor),
        has_sidecar=sidecar is not None and sidecar.running,
        attached=sidecar is not None and sidecar.kind == "ephemeral",
        not_reading=not_reading,
        not_reading_message=words,
        oom_killed_at=oom_killed_at(pod, serving.container) if serving is not None else None,
        fingerprint=_fingerprint(pod, facts, serving) if serving is not None else {},
    )


def _fingerprint(pod: Raw, facts: Facts, serving: Serving) -> Mapping[str, str]:
    found = parts_of_pod(pod, serving.container, facts.fingerprint_key)
    label = facts.monitor.spec.versions.label
    value = (pod["metadata"].get("labels") or {}).get(label) if label else None
    return {**found, LABEL: value} if value else found


def _not_reading(pod: Raw, facts: Facts, serving: Serving) -> tuple[str, str]:
    """Why a sidecar in mode Off does not read, in the words of today."""
    if facts.monitor.spec.interception.mode is InterceptionMode.OFF:
        return "", ""
    choice = choose_mode(
        facts.monitor,
        pod,
        serving,
        facts.verdict,
        server_version=facts.common.server_version,
        attaching=True,
        namespace=facts.namespace,
    )
    if choice.mode is Mode.OFF:
        return choice.reason, choice.message
    if choice.mode is None:
        return reasons.NOT_PERMITTED.name, choice.message
    return (
        reasons.NEEDS_RESTART.name,
        "it was put in when the namespace admitted no more; restart the pod to have its traffic read",
    )
