from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.operator.model_pods import (
    COMMON,
    NAMESPACE,
    NOW,
    VERDICT,
    created_pod,
    ended,
    moment,
    monitor,
    running,
    running_pod,
    waiting,
    with_attached,
)

from llmmonitor_api.spec.target import LabelSelector
from llmmonitor_operator.admit.injectable import Asked
from llmmonitor_operator.evaluate.environment import LeftOut
from llmmonitor_operator.reconcile.sidecars.standing import Facts, Standing, standing

FACTS = Facts(monitor=monitor(), common=COMMON, verdict=VERDICT, namespace=NAMESPACE, proving_pod="", now=NOW)


def of(pod: dict[str, Any], facts: Facts = FACTS) -> Standing:
    found = standing(pod, facts)
    assert isinstance(found, Standing)
    return found


def attached(*states: dict[str, Any], mode: str = "transparent", port: str = "8000") -> dict[str, Any]:
    pod = with_attached(running_pod(), *states)
    pod["status"]["podIP"] = "10.0.0.7"
    for one in pod["spec"]["ephemeralContainers"]:
        one["env"] = [
            {"name": "LLM_MONITOR_MODE", "value": mode},
            {"name": "LLM_MONITOR_API_PORT", "value": "14002"},
            {"name": "LLM_MONITOR_TARGET_PORT", "value": port},
        ]
    return pod


def test_a_running_model_without_a_sidecar_is_attached_to() -> None:
    found = of(running_pod())

    assert found.attach is not None
    assert found.attach.number == 1
    assert found.expected.injection == "SidecarStarting"
    assert found.address is None


def test_a_pod_that_came_after_the_monitor_was_missed_by_the_webhook() -> None:
    found = of(running_pod(created=NOW - 60, started=NOW - 50))

    assert found.attach is not None
    assert found.expected.injection == "WebhookMissed"


def test_while_injection_is_suspended_that_is_the_reason() -> None:
    verdict = msgspec.structs.replace(
        VERDICT, suspended="InjectionSuspended", message="quota compute is full", suspended_at=NOW
    )

    found = of(running_pod(created=NOW - 60, started=NOW - 50), replace(FACTS, verdict=verdict))

    assert found.attach is not None
    assert found.expected.injection == "InjectionSuspended"
    assert "quota compute is full" in found.expected.injection_message


def came_without(**facts: Any) -> tuple[str, str]:
    """Reason and words of a pod that was created after the monitor."""
    pod = facts.pop("pod", None) or running_pod(created=NOW - 60, started=NOW - 50)
    found = of(pod, replace(FACTS, **facts))
    assert found.attach is not None
    return found.expected.injection, found.expected.injection_message


def bare() -> dict[str, Any]:
    pod = running_pod(created=NOW - 60, started=NOW - 50)
    del pod["metadata"]["ownerReferences"]
    return pod


def name_taken() -> dict[str, Any]:
    pod = running_pod(created=NOW - 60, started=NOW - 50)
    pod["spec"]["initContainers"] = [{"name": "llm-monitor-sidecar", "image": "anybodys"}]
    return pod


ELSEWHERE = LabelSelector(match_labels={"llm": "yes"})


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"webhook": Asked(at_all=False)}, "the webhook is off (webhook.enabled of the chart)"),
        ({"webhook": Asked(namespaces=ELSEWHERE)}, "webhook.namespaceSelector of the chart"),
        ({"pod": bare()}, "no controller would make the pod anew"),
        ({"pod": name_taken()}, "called llm-monitor-sidecar, the sidecar's name; rename it"),
        ({"left_out": True}, "no room for the namespace's verdict"),
    ],
    ids=["off", "elsewhere", "bare", "name taken", "left out"],
)
def test_a_webhook_that_was_not_to_inject_has_missed_nothing(facts: dict[str, Any], words: str) -> None:
    reason, message = came_without(**facts)

    assert reason == "NotInjected"
    assert words in message
    assert message.endswith("being attached instead")


def test_a_webhook_that_is_asked_in_the_namespace_has_missed_the_pod() -> None:
    here = Asked(namespaces=LabelSelector(match_labels={"kubernetes.io/metadata.name": "prod"}))

    assert came_without(webhook=here)[0] == "WebhookMissed"


def test_a_bare_pod_that_is_not_attached_yet_was_not_missed_either() -> None:
    begins = bare()
    begins["status"] = {"phase": "Pending"}

    found = of(begins)

    assert found.expected.injection == "NotInjected"
    assert "the pod is Pending" in found.expected.injection_message


def quota(hard: str, used: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "compute"},
        "spec": {"hard": {"requests.memory": hard}},
        "status": {"hard": {"requests.memory": hard}, "used": {"requests.memory": used}},
    }


def sized_pod() -> dict[str, Any]:
    pod = running_pod(created=NOW - 60, started=NOW - 50)
    pod["spec"]["containers"][0]["resources"] = {"requests": {"memory": "1Gi"}}
    return pod


def test_a_pod_that_a_quota_had_no_room_for_with_the_sidecar_was_not_missed() -> None:
    full = replace(FACTS, quotas=(quota(hard="1100Mi", used="1Gi"),))

    running = of(sized_pod(), full)
    begins = sized_pod()
    begins["status"] = {"phase": "Pending"}
    pending = of(begins, full)

    assert running.attach is not None
    for found in (running, pending):
        assert found.expected.injection == "InjectionSuspended"
        assert "ResourceQuota compute: requests.memory 0 used" in found.expected.injection_message


def test_a_pod_that_is_in_the_quota_itself_left_room_for_the_sidecar() -> None:
    found = of(sized_pod(), replace(FACTS, quotas=(quota(hard="2Gi", used="1Gi"),)))

    assert found.expected.injection == "WebhookMissed"


def test_a_running_sidecar_of_the_right_image_is_all_that_is_wanted() -> None:
    found = of(attached(running(NOW - 100)))

    assert found.expected.injection == ""
    assert found.expected.attached
    assert found.address is not None
    assert found.address.url == "http://10.0.0.7:14002"
    assert found.attach is None
    assert found.expected.expected_since == NOW - 100


def test_another_image_mode_or_port_is_outdated() -> None:
    other_image = attached(running(NOW - 100))
    other_image["spec"]["ephemeralContainers"][0]["image"] = "registry.test/sidecar@sha256:0"
    off = replace(FACTS, monitor=monitor(interception={"mode": "Off"}))

    for pod, facts, words in (
        (other_image, FACTS, "its image is registry.test/sidecar@sha256:0"),
        (attached(running(NOW - 100)), off, "spec.interception.mode is now Off"),
        (attached(running(NOW - 100), port="9000"), FACTS, "it watches port 9000"),
    ):
        found = of(pod, facts)
        assert found.expected.injection == "Outdated"
        assert words in found.expected.injection_message
        assert found.address is not None


def test_a_sidecar_has_half_a_minute_to_start() -> None:
    pod = attached(waiting("ContainerCreating"))
    key = ("uid-chat-a", "llm-monitor-1")

    young = of(pod, replace(FACTS, first_seen={key: NOW - 10}))
    old = of(pod, replace(FACTS, first_seen={key: NOW - 31}))

    assert young.expected.injection == "SidecarStarting"
    assert not young.expected.has_sidecar
    assert old.expected.injection == "SidecarNotStarted"
    assert "ContainerCreating" in old.expected.injection_message


def held_up(image: str = COMMON.image) -> dict[str, Any]:
    pod = created_pod()
    made = moment(NOW - 60)
    pod["metadata"] |= {"name": "chat-a", "uid": "uid-chat-a", "namespace": "prod", "creationTimestamp": made}
    pod["spec"]["initContainers"] = [
        {
            "name": "llm-monitor-sidecar",
            "image": image,
            "restartPolicy": "Always",
            "env": [{"name": "LLM_MONITOR_MODE", "value": "transparent"}],
        }
    ]
    ready = {"type": "PodReadyToStartContainers", "status": "True", "lastTransitionTime": moment(NOW - 40)}
    state = waiting("ErrImagePull", "no such host")
    pod["status"] = {
        "phase": "Pending",
        "conditions": [ready],
        "initContainerStatuses": [{"name": "llm-monitor-sidecar", "state": state}],
    }
    return pod


def test_an_injected_one_that_holds_its_pod_up_is_said_to_before_injection_has_stopped() -> None:
    found = of(held_up())

    assert found.expected.injection == "SidecarBlocksPod"
    assert "ErrImagePull: no such host" in found.expected.injection_message


def test_of_an_older_image_none_stops_injection() -> None:
    assert of(held_up("registry.test/sidecar@sha256:0")).expected.injection == "SidecarNotStarted"


def test_one_that_ended_is_followed_by_the_next() -> None:
    found = of(attached(ended(NOW - 900, NOW - 100)))

    assert found.attach is not None
    assert found.attach.number == 2


def test_a_pod_that_opted_out_is_left_out() -> None:
    pod = running_pod()
    pod["metadata"]["annotations"] = {"llmmonitor.io/inject": "false"}

    assert standing(pod, FACTS) == LeftOut("chat-a", "OptedOut")


def test_a_pod_without_a_model_server_says_what_to_name() -> None:
    facts = replace(FACTS, monitor=monitor(target={"container": "absent"}))

    found = of(running_pod(), facts)

    assert found.expected.injection == "ModelServerNotFound"
    assert "spec.target.container" in found.expected.injection_message


def test_a_sidecar_that_was_told_not_to_read_has_its_reason() -> None:
    pod = attached(running(NOW - 100), mode="off")
    pod["spec"]["hostNetwork"] = True

    found = of(pod)

    assert found.expected.injection == ""
    assert found.expected.not_reading == "HostNetwork"


def test_it_is_said_which_container_and_port_were_chosen_and_why() -> None:
    found = of(running_pod())

    assert found.expected.engine == "VLLM"
    assert found.expected.serves.startswith("container vllm, port 8000 (")
    assert "vllm/vllm-openai" in found.expected.serves
