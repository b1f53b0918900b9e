from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from tests.operator.conftest import Replica
from tests.operator.kube_server import KubeServer, Refusal, connected, refused
from tests.operator.model_pods import NOW, monitor, running_pod

from llmmonitor_api.report.report import Resources
from llmmonitor_operator.configure import configuration_for
from llmmonitor_operator.evaluate.measured import Measured
from llmmonitor_operator.gather.absorb import absorb
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.watch.memory_use import (
    FAILED_SECONDS,
    FRESH_SECONDS,
    MEASURED_SECONDS,
    MeasuredMemory,
    measured,
    reported,
    sum_of,
)
from llmmonitor_operator.state import State

GIB = 2**30
PATH = "/apis/metrics.k8s.io/v1beta1/namespaces/prod/pods"


def metrics(name: str, *memory: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "containers": [{"usage": {"memory": one}} for one in memory]}


def state_of(at: float, used: int = 3 * GIB, uid: str = "uid-chat-a") -> State:
    """A report of the pod's sidecar came at `at`."""
    configuration = configuration_for(monitor())
    resources = Resources(processes_visible=True, memory_used_bytes=used)
    replica = Replica(configuration, uid=uid, started_at=at - 60, resources=resources)
    return absorb(State(), replica.report(at), at, pod_uid=uid)


def with_helper(pod: dict[str, Any]) -> dict[str, Any]:
    pod["spec"]["containers"].append({"name": "helper", "resources": {"requests": {"memory": "1Gi"}}})
    return pod


async def test_all_containers_count(server: KubeServer, kube: Kube) -> None:
    server.put(PATH, metrics("chat-a", "512Mi", "1Ki"))

    assert await MeasuredMemory(kube).of(running_pod()) == 512 * 2**20 + 1024


async def test_without_metrics_server_it_is_not_known(kube: Kube) -> None:
    assert await MeasuredMemory(kube).of(running_pod()) is None


def test_a_pod_of_which_nothing_was_measured_yet_is_not_known() -> None:
    assert sum_of({"containers": [{"name": "vllm", "usage": {}}]}) is None
    assert sum_of({}) is None


async def test_a_namespace_is_asked_for_once_and_again_when_there_may_be_news(
    server: KubeServer, kube: Kube
) -> None:
    now = 1000.0
    for name in ("chat-a", "chat-b"):
        server.put(PATH, metrics(name, "1Mi"))
    asking = MeasuredMemory(kube, lambda: now)

    both = await asyncio.gather(asking.of(running_pod("chat-a")), asking.of(running_pod("chat-b")))
    server.put(PATH, metrics("chat-a", "2Mi"))
    at_once = await asking.of(running_pod("chat-a"))
    asked = len(server.asked)
    now += MEASURED_SECONDS
    later = await asking.of(running_pod("chat-a"))

    assert list(both) == [2**20, 2**20]
    assert at_once == 2**20
    assert later == 2**21
    assert asked == 1


async def test_that_nobody_answers_is_remembered_for_a_minute(server: KubeServer) -> None:
    now = 1000.0
    server.put(PATH, metrics("chat-a", "1Mi"))

    async def hangs(_request: web.Request) -> None:
        await asyncio.Event().wait()

    server.fault = hangs
    async with connected(server.url, call_seconds=0.1) as hasty:
        asking = MeasuredMemory(hasty, lambda: now)
        hung = [await asking.of(running_pod(f"chat-{number}")) for number in range(20)]
        asked = len(server.asked)
        server.fault = None
        now += FAILED_SECONDS
        answered = await asking.of(running_pod("chat-a"))

    assert hung == [None] * 20
    assert asked == 1
    assert answered == 2**20


async def test_a_namespace_that_forbids_it_holds_up_no_other(server: KubeServer, kube: Kube) -> None:
    async def forbids(request: web.Request) -> web.Response | None:
        return refused(Refusal(403, "no", "Forbidden")) if "/namespaces/test/" in request.path else None

    elsewhere = running_pod()
    elsewhere["metadata"]["namespace"] = "test"
    server.put(PATH, metrics("chat-a", "1Mi"))
    server.fault = forbids
    asking = MeasuredMemory(kube)

    assert await asking.of(elsewhere) is None
    assert await asking.of(running_pod()) == 2**20


def test_a_report_knows_the_model_and_the_others_count_with_what_they_request() -> None:
    pod = with_helper(running_pod(limits={"memory": "8Gi"}))

    assert reported(state_of(NOW - 5), pod, "vllm", NOW) == 4 * GIB


def test_an_old_report_is_no_news() -> None:
    assert reported(state_of(NOW - FRESH_SECONDS - 1), running_pod(), "vllm", NOW) is None


def test_a_report_of_the_models_life_before_is_no_news() -> None:
    restarted = running_pod(started=NOW - 3)

    assert reported(state_of(NOW - 5), restarted, "vllm", NOW) is None
    assert reported(state_of(NOW - 2), restarted, "vllm", NOW) == 3 * GIB


def test_without_a_report_of_memory_nothing_is_known() -> None:
    assert reported(State(), running_pod(), "vllm", NOW) is None
    assert reported(state_of(NOW, uid="another"), running_pod(), "vllm", NOW) is None


def measured_by_container(name: str, **usage: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "timestamp": "2026-01-05T12:00:00Z",
        "window": "15.2s",
        "containers": [
            {"name": "llm-monitor", "usage": {"cpu": "1m", "memory": "50Mi"}},
            {"name": "vllm", "usage": usage},
        ],
    }


def hidden(uid: str) -> State:
    replica = Replica(configuration_for(monitor()), uid=uid, started_at=NOW - 60)
    replica.resources = Resources(processes_visible=False, reason="another PID namespace")
    return absorb(State(), replica.report(NOW - 5), NOW - 5, pod_uid=uid)


async def test_a_model_whose_processes_are_hidden_is_measured_beside_its_limits(
    server: KubeServer, kube: Kube
) -> None:
    server.put(PATH, measured_by_container("chat-a", cpu="1500m", memory="3Gi"))
    pod = running_pod(limits={"memory": "4Gi", "cpu": "2"})
    uid = pod["metadata"]["uid"]

    found = await MeasuredMemory(kube).of_hidden([(pod, "vllm")], hidden(uid))

    assert found == {uid: Measured(1767614400.0, 3 * GIB, 1.5, 4 * GIB, 2.0)}


async def test_nobody_is_asked_about_a_model_that_is_seen_or_has_not_reported(
    server: KubeServer, kube: Kube
) -> None:
    server.put(PATH, measured_by_container("chat-a", memory="3Gi"))
    pod = running_pod()
    uid = pod["metadata"]["uid"]

    for state in (state_of(NOW - 5, uid=uid), State()):
        assert await MeasuredMemory(kube).of_hidden([(pod, "vllm")], state) == {}

    assert server.asked == []


@pytest.mark.parametrize(
    "metrics_of",
    [
        {"metadata": {"name": "chat-a"}, "containers": [{"name": "vllm", "usage": {"memory": "1Gi"}}]},
        {"metadata": {"name": "chat-a"}, "timestamp": "2026-01-05T12:00:00Z"},
        measured_by_container("chat-a", memory="a lot"),
    ],
)
def test_metrics_that_say_nothing_of_it_are_none(metrics_of: dict[str, Any]) -> None:
    assert measured(metrics_of, running_pod(), "vllm") is None
