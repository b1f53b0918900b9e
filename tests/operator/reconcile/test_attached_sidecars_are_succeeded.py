"""A pod whose attached sidecar is of an older image: the operator brings a successor, pass by pass."""

from __future__ import annotations

import time
from typing import Any

from tests.operator.reconcile import sidecar_double
from tests.operator.reconcile.operator_world import IMAGE, MONITORS, PODS, SIGNING, World
from tests.operator.reconcile.sidecar_double import SidecarDouble

OLD = "registry.test/sidecar@sha256:0"
RUNS = {"running": {"startedAt": "2026-01-05T12:00:00Z"}}


async def _attached_by_an_older_release(world: World, double: SidecarDouble) -> None:
    world.kubelet_runs(double)
    pod = world.server.at(f"{PODS}/chat-a")
    pod["spec"]["ephemeralContainers"][0]["image"] = OLD
    world.server.put(PODS, pod)
    await world.settled()


async def _kubelet_says(world: World, **states: dict[str, Any]) -> None:
    pod = world.server.at(f"{PODS}/chat-a")
    statuses = [{"name": name.replace("_", "-"), "state": state} for name, state in states.items()]
    world.server.put(PODS, {**pod, "status": {**pod["status"], "ephemeralContainerStatuses": statuses}})
    await world.settled()


def _names(world: World) -> list[str]:
    return [one["name"] for one in world.server.at(f"{PODS}/chat-a")["spec"]["ephemeralContainers"]]


def _judged(world: World, kind: str) -> str:
    """The message as it was judged last; the status has it within a minute."""
    [memory] = world.one_pass._memories.values()
    return next(one.message for one in memory.state.conditions if one.type == kind)


def _begun(world: World) -> int:
    [memory] = world.one_pass._memories.values()
    return memory.state.window(3600.0).begun


async def test_it_is_attached_told_and_taken_over_without_a_count_lost_or_repeated(world: World) -> None:
    await world.passed()
    uid = world.server.at(f"{PODS}/chat-a")["metadata"]["uid"]
    async with sidecar_double.running(uid, SIGNING.public_key()) as double:
        double.container, double.can_hand_over, double.begun = "llm-monitor-1", True, 10
        await _attached_by_an_older_release(world, double)

        outdated = await world.passed()
        assert outdated["Injected"]["reason"] == "Outdated"
        assert "its successor is being attached" in outdated["Injected"]["message"]
        [successor, _] = world.server.at(f"{PODS}/chat-a")["spec"]["ephemeralContainers"]
        told = {one["name"]: one["value"] for one in successor["env"]}
        assert (successor["image"], told["LLM_MONITOR_CONTAINER"]) == (IMAGE, "llm-monitor-2")
        assert told["LLM_MONITOR_API_PORT"] == str(double.port)  # where the predecessor answers
        assert not double.configuration.hand_over

        await _kubelet_says(world, llm_monitor_1=RUNS, llm_monitor_2=RUNS)
        await world.passed()
        assert double.configuration.hand_over
        double.begun = 12  # what it read to the end
        told_status = world.server.at(f"{MONITORS}/chat")["status"]
        assert told_status["pods"]["outdated"] == 1
        waiting = await world.passed()
        assert waiting["Intercepting"]["reason"] == "HandingOver"
        assert waiting["Intercepting"]["status"] == "Unknown"

        double.container, double.boot_id, double.begun, double.sequence = "llm-monitor-2", "next", 3, 0
        double.started_at, double.configuration = time.time(), sidecar_double.Configuration()
        await world.passed()
        after = await world.passed()  # the first container may still run: its relay carries old connections

    assert after["Injected"]["status"] == "True"
    assert _begun(world) == 15
    assert _names(world) == ["llm-monitor-2", "llm-monitor-1"]


async def test_a_version_that_cannot_hand_over_stays_and_says_so(world: World) -> None:
    await world.passed()
    uid = world.server.at(f"{PODS}/chat-a")["metadata"]["uid"]
    async with sidecar_double.running(uid, SIGNING.public_key()) as double:
        await _attached_by_an_older_release(world, double)

        found = await world.passed()

    assert found["Injected"]["reason"] == "Outdated"
    assert "its version cannot hand over to a newer one" in found["Injected"]["message"]
    assert found["Reporting"]["status"] == "True"
    assert found["Intercepting"]["reason"] != "HandingOver"
    assert _names(world) == ["llm-monitor-1"]


async def test_a_successor_that_ends_is_not_followed_by_another(world: World) -> None:
    await world.passed()
    uid = world.server.at(f"{PODS}/chat-a")["metadata"]["uid"]
    async with sidecar_double.running(uid, SIGNING.public_key()) as double:
        double.container, double.can_hand_over = "llm-monitor-1", True
        await _attached_by_an_older_release(world, double)
        await world.passed()
        times = {"startedAt": "2026-01-05T12:00:00Z", "finishedAt": "2026-01-05T12:00:09Z"}
        dead = {"terminated": {"reason": "Error", "exitCode": 1, **times}}

        await _kubelet_says(world, llm_monitor_1=RUNS, llm_monitor_2=dead)
        await world.passed()
        await world.passed()

    assert "its successor llm-monitor-2 ended (Error: exit code 1)" in _judged(world, "Injected")
    assert not double.configuration.hand_over
    assert _names(world) == ["llm-monitor-2", "llm-monitor-1"]
