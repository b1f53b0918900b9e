from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer, Refusal, connected, refused

from llmmonitor_operator.evaluate.transitions import NORMAL, WARNING, Transition
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.publish.events import emit, event

NOW = 1_800_000_000.4
STALLED = Transition(WARNING, "Stalled", "PerformanceHealthy True → False: no token for 31 s")
POD = "llm-monitor-operator-0"


@pytest.fixture
def monitor(server: KubeServer) -> dict[str, Any]:
    return server.put(paths.monitors("prod"), {"metadata": {"name": "chat"}, "spec": {}})


def written(server: KubeServer) -> list[dict[str, Any]]:
    return [one for key, one in server.objects.items() if key[2] == "events"]


async def test_describe_finds_it_by_the_monitors_uid(
    kube: Kube, server: KubeServer, monitor: dict[str, Any]
) -> None:
    assert await emit(kube, monitor, STALLED, NOW, POD)

    (one,) = written(server)
    assert one["metadata"]["namespace"] == "prod"
    assert one["involvedObject"] == {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "namespace": "prod",
        "name": "chat",
        "uid": monitor["metadata"]["uid"],
        "resourceVersion": monitor["metadata"]["resourceVersion"],
    }
    assert (one["type"], one["reason"], one["message"]) == ("Warning", "Stalled", STALLED.message)
    assert one["source"] == {"component": "llm-monitor"}
    assert one["reportingComponent"] == "llm-monitor"
    assert one["reportingInstance"] == POD
    assert one["firstTimestamp"] == one["lastTimestamp"] == "2027-01-15T08:00:00Z"


async def test_saying_it_twice_writes_one(kube: Kube, server: KubeServer, monitor: dict[str, Any]) -> None:
    said = [await emit(kube, monitor, STALLED, NOW + more, POD) for more in (0, 0.1)]

    assert said == [True, True]
    assert len(written(server)) == 1


async def test_different_things_and_later_ones_are_different_events(
    kube: Kube, server: KubeServer, monitor: dict[str, Any]
) -> None:
    back = Transition(NORMAL, "ObjectivesHold", "PerformanceHealthy False → True")
    for transition, now in [(STALLED, NOW), (back, NOW), (STALLED, NOW + 60)]:
        await emit(kube, monitor, transition, now, POD)

    assert len(written(server)) == 3


def test_names_and_messages_stay_in_their_limits() -> None:
    metadata = {"namespace": "prod", "name": "m." * 126 + "m", "uid": "u"}
    long = Transition(NORMAL, "R", "→" * 1024)

    made = event({"metadata": metadata}, long, NOW, POD)

    assert len(made["metadata"]["name"]) <= 253
    assert ".." not in made["metadata"]["name"]
    assert len(made["message"].encode()) <= 1024
    assert made["message"].endswith("→…")


@pytest.mark.parametrize("code", [403, 404, 429, 500])
async def test_one_that_cannot_be_written_stops_nothing(
    kube: Kube,
    server: KubeServer,
    monitor: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    code: int,
) -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return refused(Refusal(code, "not now", "Forbidden"))

    server.fault = refuse

    assert not await emit(kube, monitor, STALLED, NOW, POD)
    assert "event Stalled of LLMMonitor prod/chat not written" in caplog.text


async def test_nor_does_an_api_server_that_is_away(monitor: dict[str, Any]) -> None:
    async with connected("http://127.0.0.1:1") as kube:
        assert not await emit(kube, monitor, STALLED, NOW, POD)
