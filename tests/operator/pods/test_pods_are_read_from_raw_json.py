from __future__ import annotations

from typing import Any

import pytest

from llmmonitor_operator.pods.pod import (
    gpus_requested,
    is_mine_to_watch,
    opted_out,
    our_ephemeral,
    our_native,
    our_sidecar,
)
from llmmonitor_operator.pods.quality_of_service import qos

CPU_AND_MEMORY = {"cpu": "1", "memory": "1Gi"}
NATIVE = {
    "name": "llm-monitor-sidecar",
    "image": "registry/llm-monitor-sidecar@sha256:1",
    "restartPolicy": "Always",
    "env": [
        {"name": "LLM_MONITOR_POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "LLM_MONITOR_MODE", "value": "transparent"},
        {"name": "LLM_MONITOR_API_PORT", "value": "14002"},
        {"name": "LLM_MONITOR_CONFIGURATION", "value": '{"x":"$$1"}'},
    ],
}


def attached(number: int, mode: str = "off") -> dict[str, Any]:
    return {
        "name": f"llm-monitor-{number}",
        "image": "registry/llm-monitor-sidecar:1",
        "env": [
            {"name": "LLM_MONITOR_MODE", "value": mode},
            {"name": "LLM_MONITOR_API_PORT", "value": "14003"},
        ],
    }


def running(name: str, at: str = "2026-08-01T10:00:00Z", restarts: int = 0) -> dict[str, Any]:
    return {"name": name, "restartCount": restarts, "state": {"running": {"startedAt": at}}}


def test_a_pod_without_us_has_no_sidecar() -> None:
    pod = {"spec": {"containers": [{"name": "llm-monitor-1"}], "ephemeralContainers": [{"name": "debug"}]}}

    assert our_native(pod) is None
    assert our_ephemeral(pod) == []
    assert our_sidecar(pod) is None


def test_the_native_sidecar_is_read_with_its_status() -> None:
    pod = {
        "spec": {"initContainers": [NATIVE]},
        "status": {"initContainerStatuses": [running("llm-monitor-sidecar", restarts=2)]},
    }

    found = our_sidecar(pod)

    assert found is not None
    assert (found.kind, found.name, found.running, found.restarts) == (
        "native",
        "llm-monitor-sidecar",
        True,
        2,
    )
    assert (found.mode, found.api_port, found.started_at) == ("transparent", 14002, 1785578400.0)
    assert found.image == "registry/llm-monitor-sidecar@sha256:1"
    assert found.environment["LLM_MONITOR_CONFIGURATION"] == '{"x":"$1"}'
    assert found.waiting_reason == ""


def test_of_those_that_run_the_one_at_work_counts_and_else_the_newest() -> None:
    pod: dict[str, Any] = {
        "spec": {"initContainers": [NATIVE], "ephemeralContainers": [attached(1), attached(2), attached(3)]},
        "status": {
            "ephemeralContainerStatuses": [
                running("llm-monitor-1"),
                running("llm-monitor-2"),
                {
                    "name": "llm-monitor-3",
                    "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
                },
            ]
        },
    }

    first_running, said_so = our_sidecar(pod), our_sidecar(pod, "llm-monitor-2")
    pod["status"]["ephemeralContainerStatuses"] = pod["status"]["ephemeralContainerStatuses"][2:]
    newest = our_sidecar(pod)

    assert first_running is not None
    assert first_running.name == "llm-monitor-1"  # the other one waits for it
    assert said_so is not None
    assert said_so.name == "llm-monitor-2"
    assert newest is not None
    assert (newest.name, newest.running, newest.waiting_reason, newest.message) == (
        "llm-monitor-3",
        False,
        "ImagePullBackOff",
        "no such image",
    )


def test_attached_ones_are_in_the_order_in_which_they_came_and_not_in_the_api_servers() -> None:
    given = [{"name": "debugger"}, *(attached(number) for number in (10, 9, 2, 1))]

    found = our_ephemeral({"spec": {"ephemeralContainers": given}})

    assert [one["name"].removeprefix("llm-monitor-") for one in found] == ["1", "2", "9", "10"]


def test_a_sidecar_that_ended_says_why() -> None:
    pod = {
        "spec": {"initContainers": [NATIVE]},
        "status": {
            "initContainerStatuses": [
                {
                    "name": "llm-monitor-sidecar",
                    "restartCount": 4,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"exitCode": 1, "message": "settings: MODE is not set"}},
                }
            ]
        },
    }

    found = our_sidecar(pod)

    assert found is not None
    assert (found.waiting_reason, found.message) == ("CrashLoopBackOff", "settings: MODE is not set")
    assert found.started_at is None


@pytest.mark.parametrize(
    ("pod", "watched"),
    [
        ({"status": {"phase": "Running"}}, True),
        ({"status": {"phase": "Pending"}}, True),
        ({}, True),
        ({"status": {"phase": "Succeeded"}}, False),
        ({"status": {"phase": "Failed"}}, False),
        ({"metadata": {"deletionTimestamp": "2026-08-01T10:00:00Z"}, "status": {"phase": "Running"}}, False),
    ],
)
def test_only_pods_that_run_or_will_are_watched(pod: dict[str, Any], watched: bool) -> None:  # noqa: FBT001 - one of the table's columns
    assert is_mine_to_watch(pod) is watched


def test_the_owner_can_opt_out() -> None:
    assert opted_out({"metadata": {"annotations": {"llmmonitor.io/inject": "false"}}})
    assert not opted_out({"metadata": {"annotations": {"llmmonitor.io/inject": "true"}}})
    assert not opted_out({"metadata": {}})


def test_gpus_of_all_kinds_and_containers_are_counted() -> None:
    pod = {
        "spec": {
            "containers": [
                {"resources": {"limits": {"nvidia.com/gpu": "2", "cpu": "4"}}},
                {"resources": {"limits": {"nvidia.com/mig-1g.10gb": 1}}},
                {"resources": {}},
            ]
        }
    }

    assert gpus_requested(pod) == 3


QOS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "nothing": ([{}], "BestEffort"),
    "zeros": ([{"requests": {"cpu": "0"}, "limits": {"memory": "0"}}], "BestEffort"),
    "other resources only": ([{"limits": {"nvidia.com/gpu": "1"}}], "BestEffort"),
    "limits alone are requests too": ([{"limits": CPU_AND_MEMORY}], "Guaranteed"),
    "equal in other words": (
        [{"limits": CPU_AND_MEMORY, "requests": {"cpu": "1000m", "memory": "1024Mi"}}],
        "Guaranteed",
    ),
    "lower requests": ([{"limits": CPU_AND_MEMORY, "requests": {"cpu": "500m"}}], "Burstable"),
    "memory only": ([{"limits": {"memory": "1Gi"}}], "Burstable"),
    "one container without": ([{"limits": CPU_AND_MEMORY}, {}], "Burstable"),
    "requests alone": ([{"requests": {"cpu": "1"}}], "Burstable"),
}


@pytest.mark.parametrize("name", QOS)
def test_the_class_is_the_api_servers(name: str) -> None:
    resources, expected = QOS[name]
    containers = [{"name": f"c{at}", "resources": one} for at, one in enumerate(resources)]

    assert qos({"spec": {"containers": containers}}) == expected


def test_init_containers_count_and_ephemeral_ones_do_not() -> None:
    container = {"name": "c", "resources": {"limits": CPU_AND_MEMORY}}
    with_init = {"spec": {"containers": [container], "initContainers": [{"name": "i"}]}}
    with_ephemeral = {"spec": {"containers": [container], "ephemeralContainers": [{"name": "e"}]}}

    assert qos(with_init) == "Burstable"
    assert qos(with_ephemeral) == "Guaranteed"


def test_resources_of_the_whole_pod_decide_alone() -> None:
    whole = {"spec": {"resources": {"limits": CPU_AND_MEMORY}, "containers": [{"name": "c"}]}}
    part = {"spec": {"resources": {"requests": {"cpu": "1"}}, "containers": [{"name": "c"}]}}

    assert qos(whole) == "Guaranteed"
    assert qos(part) == "Burstable"
