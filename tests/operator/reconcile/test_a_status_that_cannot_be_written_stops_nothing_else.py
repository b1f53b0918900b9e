"""A status that the API server does not take (by a rule of its own, or for want of room) is news unsaid."""

from __future__ import annotations

import pytest
from aiohttp import web
from tests.operator.kube_server import Refusal, refused
from tests.operator.reconcile import sidecar_double
from tests.operator.reconcile.operator_world import KEY, MONITORS, PODS, SIGNING, World, until

from llmmonitor_operator.reconcile.loop import FAILED_LIMIT_SECONDS, FAILED_SECONDS
from llmmonitor_operator.reconcile.monitor_pass import MonitorPass

REFUSALS = [Refusal(422, "status.pods: Invalid value"), Refusal(500, "etcd"), Refusal(403, "no", "Forbidden")]


def refuse_status(world: World, refusal: Refusal) -> list[str]:
    tried: list[str] = []

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method != "PATCH" or not request.path.endswith("/status"):
            return None
        tried.append(request.path)
        return refused(refusal)

    world.server.fault = fault
    return tried


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: str(one.code))
async def test_pods_are_attached_to_and_sidecars_told_all_the_same(world: World, refusal: Refusal) -> None:
    tried = refuse_status(world, refusal)

    await world.passed()

    pod = world.server.at(f"{PODS}/chat-a")
    assert tried
    assert len(pod["spec"]["ephemeralContainers"]) == 1
    async with sidecar_double.running(pod["metadata"]["uid"], SIGNING.public_key()) as double:
        world.kubelet_runs(double)
        await world.settled()
        await world.passed()

        assert double.configuration.objectives, "it has the settings of its monitor"


async def test_it_is_tried_again_ever_later_and_what_happened_is_said_then(world: World) -> None:
    now = 1_800_000_000.0
    one_pass = MonitorPass(world.parts, lambda: now)
    world.parts.monitors.take(world.server.at(f"{MONITORS}/chat"))
    await one_pass(KEY)
    world.server.remove(f"{PODS}/chat-a")
    await until(lambda: not world.parts.view.pods("prod"))
    world.events.clear()
    tried = refuse_status(world, REFUSALS[0])

    dues = []
    for _ in range(8):
        due = await one_pass(KEY)
        assert due is not None
        dues.append(due)
        now += due
    failed = len(tried)
    said_meanwhile = list(world.events)
    world.server.fault = None
    now += FAILED_LIMIT_SECONDS
    await one_pass(KEY)

    assert dues[0] <= FAILED_SECONDS
    assert failed < len(dues)
    assert said_meanwhile == []
    assert "NoMatchingPods" in {one.reason for one in world.events}
