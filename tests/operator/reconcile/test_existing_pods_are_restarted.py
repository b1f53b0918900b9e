"""Passes over a monitor with `existingPods: Restart`; its pods' controller and kubelet are the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer, Refusal, refused
from tests.operator.reconcile.operator_world import KEY, MONITORS, PODS
from tests.operator.reconcile.restarting_world import DEPLOYMENTS, SETS, Restarting, replica_set, restarting

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.spec.target import LabelSelector
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.monitor_pass import MonitorPass

MINUTES = 60.0
NOT_CANARY = {"key": "track", "operator": "DoesNotExist"}


@pytest.fixture
async def pods(server: KubeServer, kube: Kube) -> AsyncIterator[Restarting]:
    async with restarting(server, kube) as found:
        yield found


def progress(status: dict[str, Any]) -> dict[str, Any]:
    return dict(status["pods"].get("restart") or {})


def injected(status: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in status["conditions"] if one["type"] == "Injected")


async def test_nothing_goes_before_the_sidecar_is_proved_and_one_pod_is_attached_to(pods: Restarting) -> None:
    status = [await pods.passed() for _ in range(4)][-1]

    assert pods.evictions() == []
    assert pods.server.at(f"{PODS}/a")["spec"]["ephemeralContainers"][0]["name"] == "llm-monitor-1"
    assert "ephemeralContainers" not in pods.server.at(f"{PODS}/b")["spec"]
    assert "has not been seen running in this namespace" in progress(status)["message"]
    assert progress(status)["planned"] == 2


async def test_both_are_replaced_one_after_the_other(pods: Restarting) -> None:
    await pods.proved()
    await pods.passed()
    first = progress(await pods.passed())
    await pods.passed()
    assert pods.evictions() == ["a"]
    assert (first["planned"], first["done"], first["waitingFor"]["name"]) == (2, 0, "a")

    pods.gone("a")
    await pods.new("c", ready=False)
    waits = await pods.passed()
    assert "pod c of ReplicaSet chat-7d4b9c is not Ready" in progress(waits)["message"]
    assert injected(waits)["reason"] == "PodPredatesMonitor"
    assert "0 of 2 replaced: pod a was evicted" in injected(waits)["message"]

    await pods.new("c")
    await pods.passed()
    assert pods.evictions() == ["a"], "Ready for a moment is not enough"
    second = progress(await pods.passed())
    assert pods.evictions() == ["a", "b"]
    assert (second["planned"], second["done"], second["waitingFor"]["name"]) == (2, 1, "b")

    pods.gone("b")
    await pods.new("d")
    await pods.passed()
    await pods.passed()
    status = await pods.passed()

    assert (progress(status)["done"], progress(status)["message"]) == (2, "all 2 replaced")
    assert injected(status)["status"] == "True"
    assert pods.evictions() == ["a", "b"]
    said = [one.message for one in pods.world.events if one.reason == "Evicted"]
    assert [words.split(",")[0] for words in said] == ["evicted pod a (1 of 2)", "evicted pod b (2 of 2)"]


async def test_what_is_written_once_is_not_written_again(pods: Restarting) -> None:
    await pods.proved()
    pods.server.budget = "Cannot evict pod as it would violate the pod's disruption budget."
    for _ in range(3):
        await pods.passed(11)
    before = [line for line in pods.server.writes() if line.endswith("/status")]

    for _ in range(3):
        await pods.passed(11)

    assert [line for line in pods.server.writes() if line.endswith("/status")] == before


async def test_an_eviction_that_a_budget_forbids_is_waited_for_and_said(pods: Restarting) -> None:
    await pods.proved()
    pods.server.budget = "Cannot evict pod as it would violate the pod's disruption budget."
    for _ in range(3):
        await pods.passed()
    status = await pods.passed(60 * MINUTES)

    assert set(pods.evictions()) == {"a"}
    assert "not evicted yet, and tried again: Cannot evict pod" in progress(status)["message"]
    assert progress(status)["waitingFor"]["name"] == "a"
    assert "evicted" not in progress(status)["waitingFor"]
    assert "disruption budget" in injected(status)["message"]
    tried = len(pods.evictions())
    await pods.passed(1)
    assert len(pods.evictions()) == tried, "it was just asked"

    pods.server.budget = ""
    await pods.passed(11)
    assert "deletionTimestamp" in pods.server.at(f"{PODS}/a")["metadata"]


@pytest.mark.parametrize("ends_before", ["the eviction", "the next pass"])
async def test_an_operator_that_ends_anywhere_evicts_none_twice(pods: Restarting, ends_before: str) -> None:
    await pods.proved()
    await pods.passed()
    if ends_before == "the eviction":
        pods.server.budget = "not yet"
    await pods.passed()
    pods.server.budget = ""
    asked = pods.evictions()

    pods.begin_anew()
    await pods.passed()
    after = await pods.passed(11)
    await pods.passed()

    again = pods.evictions()[len(asked) :]
    assert again == (["a"] if ends_before == "the eviction" else [])
    assert progress(after)["planned"] == 2
    assert "deletionTimestamp" not in pods.server.at(f"{PODS}/b")["metadata"]


async def test_nothing_goes_for_a_monitor_that_is_gone(pods: Restarting) -> None:
    await pods.proved()
    await pods.passed()
    monitor = pods.server.at(f"{MONITORS}/chat")
    pods.later += 6
    pods.server.remove(f"{MONITORS}/chat")  # and nobody has told us yet

    await pods.world.one_pass(KEY)

    assert monitor["status"]["pods"]["restart"]["message"].startswith("waits")
    assert pods.evictions() == []


async def test_two_monitors_that_share_a_workload_evict_one_pod(pods: Restarting) -> None:
    await pods.proved()
    chat = pods.server.at(f"{MONITORS}/chat")
    chat["spec"]["selector"] = {"matchLabels": {"app": "chat"}, "matchExpressions": [NOT_CANARY]}
    spec = {**chat["spec"], "selector": {"matchLabels": {"track": "canary"}}}
    metadata = {"name": "canary", "creationTimestamp": chat["metadata"]["creationTimestamp"]}
    for document in (chat, {**chat, "metadata": metadata, "spec": spec}):
        pods.world.parts.monitors.take(pods.server.put(MONITORS, document))
    b = pods.server.at(f"{PODS}/b")
    b["metadata"]["labels"]["track"] = "canary"
    pods.server.put(PODS, b)

    async def both_passed() -> None:
        await pods.passed(6)  # chat's, once the view is current
        await pods.world.one_pass(("prod", "canary"))

    await both_passed()
    both_wrote = asyncio.Barrier(2)

    async def waits_for_the_other(request: web.Request) -> web.StreamResponse | None:
        if request.path.endswith("/status"):
            await both_wrote.wait()
        return None

    pods.server.fault = waits_for_the_other
    pods.later += 6
    await asyncio.gather(*(pods.world.one_pass(("prod", name)) for name in ("chat", "canary")))

    assert len(pods.evictions()) == 1
    pods.server.fault = None
    await both_passed()
    assert len(pods.evictions()) == 1


async def test_a_workload_is_read_again_before_a_pod_goes(pods: Restarting) -> None:
    await pods.proved()
    await pods.passed()
    pods.server.put(SETS, replica_set(1))  # whose controller has not ended a pod yet
    status = [await pods.passed() for _ in range(2)][-1]

    assert pods.evictions() == []
    assert status["pods"]["notMonitored"][0]["reason"] == "NotRestartable"


async def test_one_who_begins_while_a_successor_is_awaited_goes_on(pods: Restarting) -> None:
    await pods.proved()
    for _ in range(3):
        await pods.passed()
    pods.gone("a")
    await pods.new("c")
    pods.begin_anew()

    for _ in range(4):
        status = await pods.passed()

    assert pods.evictions() == ["a", "b"]
    assert (progress(status)["planned"], progress(status)["done"]) == (2, 1)


async def test_a_successor_that_is_not_ready_in_time_stops_it_and_an_event_says_so(pods: Restarting) -> None:
    await pods.proved()
    for _ in range(3):
        await pods.passed()
    pods.gone("a")
    await pods.new("c", ready=False)
    await pods.passed()
    status = await pods.passed(16 * MINUTES)

    assert injected(status)["reason"] == "RestartStopped"
    assert "stopped at pod c, the successor of a" in injected(status)["message"]
    assert progress(status)["failed"]["name"] == "c"
    [event] = [one for one in pods.world.events if one.reason == "RestartStopped"]
    assert event.type == "Warning"
    pods.begin_anew()
    await pods.passed()
    assert pods.evictions() == ["a"]
    assert len([one for one in pods.world.events if one.reason == "RestartStopped"]) == 1


@pytest.mark.parametrize(
    ("replicas", "words"), [(None, "webhook is not installed"), (0, "no replica of the webhook is Ready")]
)
async def test_none_goes_while_no_webhook_would_be_asked(
    pods: Restarting, replicas: int | None, words: str
) -> None:
    await pods.proved()
    if replicas is None:
        pods.server.remove(f"{DEPLOYMENTS}/llm-monitor-webhook")
    else:
        status = {"readyReplicas": replicas}
        pods.server.put(DEPLOYMENTS, {"metadata": {"name": "llm-monitor-webhook"}, "status": status})
    status = [await pods.passed() for _ in range(3)][-1]

    assert pods.evictions() == []
    assert words in progress(status)["message"]


async def test_none_goes_where_the_webhook_is_not_asked(pods: Restarting) -> None:
    await pods.proved()
    elsewhere = LabelSelector(match_labels={"llm": "yes"})
    settings = replace(pods.world.parts.settings, webhook_namespaces=elsewhere)
    pods.world.one_pass = MonitorPass(replace(pods.world.parts, settings=settings), pods.now)

    status = [await pods.passed() for _ in range(3)][-1]

    assert pods.evictions() == []
    assert "not asked in this namespace" in progress(status)["message"]


async def test_none_goes_while_injection_is_suspended(pods: Restarting) -> None:
    await pods.proved()
    await pods.passed()
    await pods.world.parts.keeper.suspend(KEY[0], reasons.SIDECAR_BLOCKS_POD, "pod x hangs", pods.now())
    status = [await pods.passed() for _ in range(3)][-1]

    assert pods.evictions() == []
    assert "SidecarBlocksPod: pod x hangs" in progress(status)["message"]


async def test_none_goes_while_an_older_monitor_has_some_of_the_pods(pods: Restarting) -> None:
    await pods.proved()
    older = pods.server.at(f"{MONITORS}/chat")
    metadata = {"name": "older", "namespace": "prod", "creationTimestamp": "2026-01-01T00:00:00Z"}
    spec = {"selector": {"matchLabels": {"of": "older"}}}
    pods.world.parts.monitors.take(pods.server.put(MONITORS, {**older, "metadata": metadata, "spec": spec}))
    b = pods.server.at(f"{PODS}/b")
    b["metadata"]["labels"]["of"] = "older"
    pods.server.put(PODS, b)

    status = [await pods.passed() for _ in range(3)][-1]

    assert pods.evictions() == []
    assert "Conflicted: LLMMonitor older" in progress(status)["message"]


async def test_a_single_replica_is_not_restartable_and_says_how_it_could_be(pods: Restarting) -> None:
    await pods.proved()
    pods.gone("b")
    pods.server.put(SETS, replica_set(1))
    status = [await pods.passed() for _ in range(3)][-1]

    [only] = status["pods"]["notMonitored"]
    assert (only["name"], only["reason"]) == ("a", "NotRestartable")
    assert "llmmonitor.io/restart" in only["message"]
    assert progress(status) == {}
    assert pods.evictions() == []


async def test_a_pod_whose_own_container_has_the_sidecars_name_stays_and_keeps_none_waiting(
    pods: Restarting,
) -> None:
    await pods.proved()
    a = pods.server.at(f"{PODS}/a")
    a["spec"]["initContainers"] = [{"name": "llm-monitor-sidecar", "image": "anybodys"}]
    a["metadata"]["annotations"] = {"llmmonitor.io/restart": "true"}
    pods.server.put(PODS, a)
    status = [await pods.passed() for _ in range(3)][-1]

    assert pods.evictions() == ["b"]
    [other] = [one for one in status["pods"]["notMonitored"] if one["name"] == "a"]
    assert other["reason"] == "NotRestartable"
    assert "called llm-monitor-sidecar" in other["message"]
    assert "rename it" in other["message"]


async def test_workloads_that_cannot_be_read_are_left_alone(pods: Restarting) -> None:
    async def forbids(request: web.Request) -> web.StreamResponse | None:
        words = "replicasets is forbidden"
        return refused(Refusal(403, words, "Forbidden")) if "replicasets" in request.path else None

    await pods.proved()
    pods.server.fault = forbids
    status = [await pods.passed() for _ in range(3)][-1]

    assert pods.evictions() == []
    assert "replicasets is forbidden" in injected(status)["message"]


async def test_under_ignore_they_are_counted_and_nothing_is_done(pods: Restarting) -> None:
    monitor = pods.server.at(f"{MONITORS}/chat")
    pods.server.put(MONITORS, {**monitor, "spec": {**monitor["spec"], "existingPods": "Ignore"}})
    await pods.proved()
    status = [await pods.passed() for _ in range(3)][-1]

    assert pods.evictions() == []
    assert "ephemeralContainers" not in pods.server.at(f"{PODS}/a")["spec"]
    assert status["pods"]["predating"] == 2
    assert injected(status)["reason"] == "PodPredatesMonitor"
    assert "2 came before the monitor" in injected(status)["message"]


async def test_a_pod_that_the_webhook_missed_is_attached_to_under_restart_and_not_replaced(
    pods: Restarting,
) -> None:
    await pods.proved()
    pods.gone("a")
    pods.gone("b")
    await pods.new("c", native=False)
    await pods.passed()
    status = await pods.passed()

    assert pods.server.at(f"{PODS}/c")["spec"]["ephemeralContainers"]
    assert pods.evictions() == []
    assert progress(status) == {}
