"""What the webhook reads is what the operator knows: whoever writes it, and whatever is learnt at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from tests.operator.kube_server import Refusal, refused
from tests.operator.reconcile.operator_world import MONITORS, PODS, World, until

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_operator.preflight.verdict import BYTES_LIMIT, WORDS_LIMIT, NamespaceVerdict, encode, read
from llmmonitor_operator.reconcile.keep.trial import trial_on
from llmmonitor_operator.reconcile.keep.verdict_keeper import READ_EVERY_SECONDS, VerdictKeeper

MAPS = "/api/v1/namespaces/llm-monitor/configmaps"
VERDICTS = f"{MAPS}/llm-monitor-verdicts"
LATER = READ_EVERY_SECONDS + 1


@pytest.mark.parametrize("data", [{}, {"prod": "garbage"}, {"_common": "{}", "stranger": "{}"}, None])
async def test_a_config_map_that_somebody_changed_is_put_right_within_a_minute(
    world: World, data: dict[str, Any] | None
) -> None:
    await world.passed()
    before = world.server.at(VERDICTS)["data"]
    world.server.put(MAPS, {"metadata": {"name": "llm-monitor-verdicts"}, "data": data})

    await world.parts.keeper.mend(LATER)

    assert world.server.at(VERDICTS)["data"] == before


async def test_a_deleted_config_map_is_made_again(world: World) -> None:
    await world.passed()
    before = world.server.at(VERDICTS)["data"]
    world.server.remove(VERDICTS)

    await world.parts.keeper.mend(LATER)

    assert world.server.at(VERDICTS)["data"] == before


@pytest.mark.parametrize("deleted", ["before the leader began", "while it leads"])
async def test_it_goes_with_the_release_whenever_it_is_made(world: World, deleted: str) -> None:
    parts, owner = world.parts, {"kind": "Deployment", "name": "llm-monitor-operator", "uid": "u"}
    place = ("llm-monitor", "llm-monitor-verdicts")
    keeper = VerdictKeeper(parts.kube, place, parts.keeper.common, parts.view, parts.monitors, owners=[owner])
    if deleted == "before the leader began":
        world.server.remove(VERDICTS)
    await keeper.start(0.0)
    if deleted == "while it leads":
        world.server.remove(VERDICTS)
        await keeper.mend(LATER)

    metadata = world.server.at(VERDICTS)["metadata"]
    assert metadata["ownerReferences"] == [owner]
    assert metadata["labels"]["app.kubernetes.io/part-of"] == "llm-monitor"


async def test_a_map_that_nobody_changed_is_read_and_not_written(world: World) -> None:
    await world.passed()
    before = world.server.writes()

    await world.parts.keeper.mend(LATER)

    assert world.server.writes() == before


async def test_that_it_cannot_be_made_again_ends_no_pass(world: World) -> None:
    async def forbids(request: web.Request) -> web.StreamResponse | None:
        makes = request.method == "POST" and request.path == MAPS
        return refused(Refusal(403, "no room for you", "Forbidden")) if makes else None

    world.server.remove(VERDICTS)
    world.server.fault = forbids

    found = await world.passed()

    assert found["Injected"]["reason"] == "SidecarStarting"


async def test_a_suspension_in_the_middle_of_a_dry_run_is_not_lost(world: World) -> None:
    keeper = world.parts.keeper
    await world.passed()
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse | None:
        if "dryRun" in request.query:
            asked.set()
            await may_answer.wait()
        return None

    world.server.fault = slow
    monitor = world.parts.monitors.of("prod")[0].monitor
    assert monitor is not None
    tried = trial_on(world.parts.view.pods("prod"), monitor, keeper.common)
    asking = asyncio.create_task(keeper.ask("prod", tried, 100.0))
    await asked.wait()
    await keeper.suspend("prod", reasons.SIDECAR_BLOCKS_POD, "it does not start", 100.0)
    may_answer.set()
    await asking

    published = read(world.server.at(VERDICTS)).namespaces["prod"]
    assert published.suspended == "SidecarBlocksPod"
    assert published.transparent is True


async def test_what_is_written_last_is_what_is_known_last(world: World) -> None:
    """The first write hangs on its way, and arrives after the second would have."""
    await world.passed()
    writes: list[str] = []

    async def slow(request: web.Request) -> web.StreamResponse | None:
        if request.method == "PATCH" and request.path == VERDICTS:
            writes.append(request.path)
            if len(writes) == 1:
                await asyncio.sleep(0.3)
        return None

    world.server.fault = slow
    keeper = world.parts.keeper
    await asyncio.gather(
        keeper.prove("prod", 100.0),
        keeper.suspend("prod", reasons.SIDECAR_BLOCKS_POD, "it does not start", 100.0),
    )

    published = read(world.server.at(VERDICTS)).namespaces["prod"]
    assert (published.suspended, published.proved_image) == ("SidecarBlocksPod", keeper.common.image)


async def test_a_clock_that_was_put_back_does_not_end_the_asking(world: World) -> None:
    await world.passed()
    monitor = world.parts.monitors.of("prod")[0].monitor
    assert monitor is not None
    tried = trial_on(world.parts.view.pods("prod"), monitor, world.parts.keeper.common)

    await world.parts.keeper.ask("prod", tried, 1_000_000.0)

    assert world.parts.keeper.due("prod", 1_000_000.0 - 3600)


async def test_two_monitors_may_be_refused_on_one_pod_at_once(world: World) -> None:
    await world.passed()
    pod = world.parts.view.pods("prod")[0]
    rights = {"capabilities": {"add": ["NET_ADMIN"]}}
    pod["spec"]["ephemeralContainers"] = [{"name": "llm-monitor-1", "securityContext": rights}]
    asked, both = [], asyncio.Event()

    async def refuses_both_at_once(request: web.Request) -> web.StreamResponse | None:
        if "dryRun" not in request.query:
            return None
        asked.append(request.path)
        if len(asked) > 1:
            both.set()
        await both.wait()
        return refused(Refusal(403, 'violates PodSecurity "baseline:latest"', "Forbidden"))

    world.server.fault = refuses_both_at_once
    monitor = world.parts.monitors.of("prod")[0].monitor
    assert monitor is not None
    keeper = world.parts.keeper
    tried = trial_on([pod], monitor, keeper.common)

    found = await asyncio.gather(keeper.ask("prod", tried, 100.0), keeper.ask("prod", tried, 100.0))

    assert [one.transparent for one in found] == [False, False]
    assert keeper.due("prod", 100.0)


async def test_a_namespace_without_room_is_left_out_and_that_is_said(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    fat = NamespaceVerdict(fingerprint="f", refusal="ü" * WORDS_LIMIT, message="ü" * WORDS_LIMIT)
    data = {f"fat-{number:03}": encode(fat) for number in range(BYTES_LIMIT // len(encode(fat).encode()) + 1)}
    world.server.put(MAPS, {"metadata": {"name": "llm-monitor-verdicts"}, "data": data})
    keeper = world.parts.keeper

    await keeper.start(0.0)
    await world.passed()

    published = read(world.server.at(VERDICTS)).namespaces
    last = max(data)
    assert "prod" in published
    assert last not in published
    assert keeper.is_left_out(last)
    assert not keeper.is_left_out("prod")
    assert f"namespace {last}: no room for its verdict" in caplog.text


async def test_that_it_cannot_be_written_is_counted(world: World) -> None:
    parts, failures = world.parts, []
    place = ("llm-monitor", "llm-monitor-verdicts")
    keeper = VerdictKeeper(
        parts.kube, place, parts.keeper.common, parts.view, parts.monitors, failed=lambda: failures.append(1)
    )

    async def away(request: web.Request) -> web.StreamResponse | None:
        return refused(Refusal(500, "etcd")) if request.method == "PATCH" else None

    world.server.fault = away
    await keeper.suspend("prod", reasons.SIDECAR_BLOCKS_POD, "it does not start", 100.0)

    assert failures == [1]


async def test_services_that_reach_the_model_by_number_are_known_while_it_has_no_pod(world: World) -> None:
    monitor = world.server.at(f"{MONITORS}/chat")
    world.server.put(
        MONITORS,
        {**monitor, "spec": {**monitor["spec"], "interception": {"mode": "Port"}, "existingPods": "Ignore"}},
    )
    for name, selector in (("chat", {"app": "chat"}), ("other", {"app": "other"})):
        service = {"metadata": {"name": name}, "spec": {"selector": selector, "ports": [{"port": 8000}]}}
        world.server.put("/api/v1/namespaces/prod/services", service)
    await until(lambda: len(world.parts.view.services("prod")) == 2)

    await world.passed()
    found = read(world.server.at(VERDICTS)).namespaces["prod"].numbered_ports
    world.server.remove(f"{PODS}/chat-a")
    await until(lambda: not world.parts.view.pods("prod"))
    await world.passed()

    assert [one.service for one in found] == ["chat"]
    assert read(world.server.at(VERDICTS)).namespaces["prod"].numbered_ports == found
