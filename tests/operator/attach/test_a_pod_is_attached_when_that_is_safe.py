from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from tests.operator.model_pods import (
    COMMON,
    NOW,
    VERDICT,
    ended,
    moment,
    monitor,
    running,
    running_pod,
    serving,
    waiting,
    with_attached,
)

from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.attach.decide import Attach, NotNow, may_attach
from llmmonitor_operator.inject.plan import Mode
from llmmonitor_operator.preflight.verdict import NamespaceVerdict

DAY = 86_400.0
UNPROVED = msgspec.structs.replace(VERDICT, proved_image="")


def decided(  # noqa: PLR0913 - each test changes one of them
    pod: dict[str, Any],
    owner: LLMMonitor | None = None,
    verdict: NamespaceVerdict | None = VERDICT,
    *,
    proves: bool = False,
    memory_used_bytes: float | None = None,
    now: float = NOW,
) -> Attach | NotNow:
    return may_attach(
        pod,
        owner or monitor(),
        serving(pod),
        common=COMMON,
        verdict=verdict,
        now=now,
        proves=proves,
        memory_used_bytes=memory_used_bytes,
    )


def refused(pod: dict[str, Any], *given: Any, **more: Any) -> NotNow:
    decision = decided(pod, *given, **more)
    assert isinstance(decision, NotNow), decision
    return decision


def number(pod: dict[str, Any], *given: Any, **more: Any) -> int:
    decision = decided(pod, *given, **more)
    assert isinstance(decision, Attach), decision
    return decision.number


def model_is(state: dict[str, Any], restarts: int = 0) -> dict[str, Any]:
    pod = running_pod()
    pod["status"]["containerStatuses"] = [{"name": "vllm", "restartCount": restarts, "state": state}]
    return pod


def test_a_running_pod_without_a_sidecar_is_attached_as_the_spec_asks() -> None:
    decision = decided(running_pod())

    assert isinstance(decision, Attach)
    assert (decision.number, decision.choice.mode, decision.choice.reason) == (1, Mode.TRANSPARENT, "")


def test_before_the_first_pre_flight_nothing_is_attached() -> None:
    assert refused(running_pod(), verdict=None).reason == "PreflightPending"
    assert refused(running_pod(), verdict=NamespaceVerdict()).reason == "PreflightPending"


def test_a_refusal_by_pod_security_is_told_in_its_words() -> None:
    verdict = NamespaceVerdict(
        transparent=False,
        plain=False,
        refusal='violates PodSecurity "restricted:latest"',
        refused_by="PodSecurityForbids",
    )

    found = refused(running_pod(), verdict=verdict)
    assert (found.reason, found.message) == ("PodSecurityForbids", 'violates PodSecurity "restricted:latest"')


def test_suspended_injection_does_not_stop_attaching() -> None:
    verdict = msgspec.structs.replace(VERDICT, suspended="SidecarBlocksPod", message="ErrImagePull")

    assert number(running_pod(), verdict=verdict) == 1


def test_a_pod_that_opted_out_is_left_alone() -> None:
    pod = running_pod()
    pod["metadata"]["annotations"] = {"llmmonitor.io/inject": "false"}

    found = refused(pod, proves=True)
    assert (found.reason, found.retry_after_seconds) == ("OptedOut", None)


def test_a_static_pod_cannot_be_attached_to() -> None:
    pod = running_pod()
    pod["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}

    assert "static pod" in refused(pod).message


@pytest.mark.parametrize(
    ("existing", "created", "proved", "proves", "reason"),
    [
        ("Attach", NOW - DAY, True, False, None),
        ("Ignore", NOW - DAY, True, False, "PodPredatesMonitor"),
        ("Ignore", NOW - DAY, False, False, "PodPredatesMonitor"),
        ("Ignore", NOW - DAY, False, True, None),
        ("Ignore", NOW - DAY, True, True, "PodPredatesMonitor"),  # it was proved by another
        ("Ignore", NOW - 60, True, False, None),  # the webhook missed it
        ("Ignore", NOW - 60, False, False, None),
        ("Restart", NOW - DAY, True, False, "PodPredatesMonitor"),
        ("Restart", NOW - DAY, False, True, None),
        ("Restart", NOW - 60, True, False, None),
    ],
)
def test_existing_pods_are_attached_as_the_spec_says_but_the_first_proves_the_image(
    existing: str, created: float, *, proved: bool, proves: bool, reason: str | None
) -> None:
    pod = running_pod(created=created)

    decision = decided(pod, monitor(existingPods=existing), VERDICT if proved else UNPROVED, proves=proves)

    assert (decision.reason if isinstance(decision, NotNow) else None) == reason


@pytest.mark.parametrize(
    ("created", "verdict", "reason"),
    [
        (NOW - DAY, VERDICT, "PodPredatesMonitor"),
        (NOW - 60, VERDICT, "WebhookMissed"),
        (NOW - 60, UNPROVED, "PreflightPending"),
        (NOW - 60, None, "PreflightPending"),
    ],
)
def test_until_it_can_be_attached_the_reason_says_why_there_is_no_sidecar(
    created: float, verdict: NamespaceVerdict | None, reason: str
) -> None:
    pod = running_pod(created=created)
    pod["status"]["phase"] = "Pending"

    found = refused(pod, verdict=verdict)
    assert (found.reason, found.message) == (reason, "the pod is Pending")
    assert found.retry_after_seconds


def test_nothing_is_attached_to_a_container_that_does_not_run() -> None:
    crashing = refused(model_is(waiting("CrashLoopBackOff", "back-off 40s restarting failed container"), 3))
    assert "container vllm does not run: CrashLoopBackOff: back-off 40s" in crashing.message

    assert refused(model_is(waiting("ContainerCreating"))).retry_after_seconds
    assert refused(model_is(ended(NOW - 9, NOW - 5), 3)).retry_after_seconds
    assert refused(model_is({}, 0)).retry_after_seconds


@pytest.mark.parametrize(("restarts", "settled"), [(0, 0.0), (1, 10.0), (3, 40.0), (9, 300.0), (900, 300.0)])
def test_a_container_that_restarted_must_have_run_for_a_while(restarts: int, settled: float) -> None:
    if settled:
        early = refused(model_is(running(NOW - settled + 2), restarts))
        assert early.retry_after_seconds == pytest.approx(2.0)
        assert f"restarted ({restarts} times)" in early.message

    assert number(model_is(running(NOW - settled), restarts)) == 1


def test_a_sidecar_that_runs_is_enough() -> None:
    found = refused(with_attached(running_pod(), running(NOW - 60)))

    assert (found.reason, found.retry_after_seconds) == ("", None)


def test_a_sidecar_that_cannot_start_is_waited_for_and_named() -> None:
    pod = with_attached(running_pod(), waiting("ImagePullBackOff", 'Back-off pulling image "sidecar"'))

    found = refused(pod)
    assert (found.reason, found.message) == (
        "SidecarNotStarted",
        'ImagePullBackOff: Back-off pulling image "sidecar"',
    )


def test_a_sidecar_that_the_kubelet_has_not_seen_yet_is_waited_for() -> None:
    pod = with_attached(running_pod(), {})
    del pod["status"]["ephemeralContainerStatuses"]

    assert refused(pod).reason == "SidecarNotStarted"


def test_after_the_models_restart_the_next_one_follows() -> None:
    pod = model_is(running(NOW - 11), restarts=1)
    pod = with_attached(pod, ended(NOW - DAY, NOW - 11, "Error"))

    assert number(pod) == 2


@pytest.mark.parametrize(
    ("lives", "wait"),
    [
        ([DAY], 0.0),
        ([30.0], 10.0),
        ([30.0, 30.0], 20.0),
        ([30.0, DAY], 0.0),
        ([DAY, 30.0], 10.0),
        ([1.0] * 9, 2560.0),
    ],
)
def test_sidecars_that_lived_shortly_make_the_next_one_wait_ever_longer(
    lives: list[float], wait: float
) -> None:
    died = NOW - 1
    pod = with_attached(running_pod(), *(ended(died - life, died) for life in lives))

    if wait:
        assert refused(pod).retry_after_seconds == pytest.approx(wait - 1)
        assert refused(pod, now=died + wait - 1).message.startswith("the last sidecar ended: Error")
    assert number(pod, now=died + wait) == len(lives) + 1


def test_one_that_never_began_counts_as_a_short_life() -> None:
    failed = {"terminated": {"reason": "StartError", "message": "exec failed", "finishedAt": moment(NOW - 1)}}

    found = refused(with_attached(running_pod(), failed))
    assert "StartError: exec failed" in found.message


def test_ten_times_is_the_limit_for_life() -> None:
    pod = with_attached(running_pod(), *[ended(NOW - 20 * DAY, NOW - DAY)] * 10)

    found = refused(pod)
    assert (found.reason, found.retry_after_seconds) == ("AttachExhausted", None)
    assert "exit code 137" in found.message


def test_the_tenth_one_that_runs_is_no_matter() -> None:
    pod = with_attached(running_pod(), *[ended(NOW - 20 * DAY, NOW - DAY)] * 9, running(NOW - 5))

    assert refused(pod).reason == ""


def test_debug_containers_of_people_are_not_ours() -> None:
    pod = running_pod()
    pod["spec"]["ephemeralContainers"] = [{"name": "debugger-x7k", "image": "busybox"}]

    assert number(pod) == 1


def test_beside_an_injected_sidecar_nothing_is_attached() -> None:
    pod = running_pod()
    pod["spec"]["initContainers"] = [
        {
            "name": "llm-monitor-sidecar",
            "restartPolicy": "Always",
            "env": [{"name": "LLM_MONITOR_MODE", "value": "transparent"}],
        }
    ]
    works = copy.deepcopy(pod)
    works["status"]["initContainerStatuses"] = [{"name": "llm-monitor-sidecar", "state": running(NOW - 9)}]
    crashes = copy.deepcopy(pod)
    state = waiting("CrashLoopBackOff")
    crashes["status"]["initContainerStatuses"] = [{"name": "llm-monitor-sidecar", "state": state}]

    assert refused(works).reason == ""
    assert (refused(crashes).reason, refused(crashes).message) == ("SidecarNotStarted", "CrashLoopBackOff")


def test_to_a_monitor_in_port_mode_a_running_pod_is_attached_without_reading() -> None:
    owner = monitor(existingPods="Ignore", interception={"mode": "Port"})

    decision = decided(running_pod(created=NOW - 60), owner)
    assert isinstance(decision, Attach)
    assert (decision.choice.mode, decision.choice.reason) == (Mode.OFF, "NeedsRestart")


GIB = 2**30


@pytest.mark.parametrize(
    ("resources", "used", "allowed"),
    [
        ({}, None, True),
        ({"requests": {"memory": "4Gi"}}, None, True),
        ({"limits": {"memory": "4Gi"}}, 3.5 * GIB, True),
        ({"limits": {"memory": "4Gi"}}, 3.5 * GIB + 1, False),
        ({"limits": {"memory": "4Gi"}}, None, False),  # the limit is the request, too
        ({"limits": {"memory": "4Gi"}, "requests": {"memory": "3584Mi"}}, None, True),
        ({"limits": {"memory": "4Gi"}, "requests": {"memory": "3585Mi"}}, None, False),
        ({"limits": {"memory": "512Mi"}}, 1.0, False),
    ],
)
def test_twice_the_sidecars_memory_must_be_left_below_the_pods_limit(
    resources: dict[str, Any], used: float | None, *, allowed: bool
) -> None:
    decision = decided(running_pod(**resources), memory_used_bytes=used)

    assert isinstance(decision, Attach) is allowed
    if isinstance(decision, NotNow):
        assert decision.reason == "NoMemoryHeadroom"
        assert decision.message.endswith("attaching needs 512 MiB")


def test_a_companion_without_a_limit_leaves_the_pod_without_one() -> None:
    pod = running_pod(limits={"memory": "4Gi"})
    pod["spec"]["containers"].append({"name": "logs", "image": "fluent-bit"})

    assert number(pod, memory_used_bytes=4.0 * GIB) == 1


def test_what_the_pod_has_as_a_whole_is_its_limit() -> None:
    pod = running_pod()
    pod["spec"]["resources"] = {"limits": {"memory": "4Gi"}, "requests": {"memory": "1Gi"}}

    assert refused(pod, memory_used_bytes=3.9 * GIB).message == (
        "102 MiB of 4 GiB left beside 3.9 GiB used; attaching needs 512 MiB"
    )


def test_use_that_is_not_known_is_said_to_be_so() -> None:
    found = refused(running_pod(limits={"memory": "4Gi"}))

    assert "requested, and its use is not known (no metrics.k8s.io)" in found.message


def test_a_pod_whose_ports_leave_none_for_the_sidecar_is_left_with_the_way_out() -> None:
    pod = running_pod()
    pod["spec"]["containers"][0]["ports"] += [{"containerPort": number} for number in range(65_000, 65_536)]
    high = monitor(interception={"apiPort": 65_500})

    decision = refused(pod, high)

    assert (decision.reason, decision.retry_after_seconds) == ("NotInjected", None)
    assert "spec.interception" in decision.message
