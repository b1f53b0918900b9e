from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from tests.operator.conftest import Replica
from tests.operator.kube_server import KubeServer, Refusal, connected, refused
from tests.operator.model_pods import NOW, monitor, running_pod

from llmmonitor_api.report.report import Resources
from llmmonitor_operator.configure import configuration_for
from llmmonitor_operator.gather.absorb import absorb
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.watch.memory_use import (
    FAILED_SECONDS,
    FRESH_SECONDS,
    MEASURED_SECONDS,
    MeasuredMemory,
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
    measured = MeasuredMemory(kube, lambda: now)

    both = await asyncio.gather(measured.of(running_pod("chat-a")), measured.of(running_pod("chat-b")))
    server.put(PATH, metrics("chat-a", "2Mi"))
    at_once = await measured.of(running_pod("chat-a"))
    asked = len(server.asked)
    now += MEASURED_SECONDS
    later = await measured.of(running_pod("chat-a"))

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
        measured = MeasuredMemory(hasty, lambda: now)
        hung = [await measured.of(running_pod(f"chat-{number}")) for number in range(20)]
        asked = len(server.asked)
        server.fault = None
        now += FAILED_SECONDS
        answered = await measured.of(running_pod("chat-a"))

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
    measured = MeasuredMemory(kube)

    assert await measured.of(elsewhere) is None
    assert await measured.of(running_pod()) == 2**20


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
