"""A mistake in a spec changes nothing, under the next leader either: it finds the last valid one kept."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.operator.kube_server import KubeServer
from tests.operator.reconcile.operator_world import KEY, MONITORS, World

from llmmonitor_operator.checkpoint import decode, encode
from llmmonitor_operator.kube import paths
from llmmonitor_operator.reconcile.keep.checkpoints import Checkpoints
from llmmonitor_operator.reconcile.monitor_pass import MonitorPass
from llmmonitor_operator.state import State

OWN = {"name": "own", "signal": "ErrorRate", "target": "98%"}
VALID = {"selector": {"matchLabels": {"app": "chat"}}, "performance": {"objectives": [OWN]}}
MISTAKEN = {"selector": {"matchLabels": {"app": "code"}}, "holdFor": "8d"}


def changed(world: World, spec: dict[str, Any]) -> None:
    world.server.put(MONITORS, {**world.server.at(f"{MONITORS}/chat"), "spec": spec})


async def next_leader(world: World) -> None:
    """It knows of this one only what stands in the cluster."""
    raw = world.server.at(f"{MONITORS}/chat")
    world.parts.monitors.drop(KEY, raw["metadata"]["uid"])
    world.parts.monitors.take(raw)
    checkpoints = Checkpoints(world.parts.kube, "llm-monitor", "llm-monitor")
    world.parts = replace(world.parts, checkpoints=checkpoints)
    world.one_pass = MonitorPass(world.parts)
    await world.one_pass.recall()


def checkpoint(server: KubeServer) -> str:
    uid = server.at(f"{MONITORS}/chat")["metadata"]["uid"]
    return paths.config_map("llm-monitor", f"llm-monitor-checkpoint-{uid}")


def kept(server: KubeServer) -> State:
    return decode(base64.b64decode(server.at(checkpoint(server))["binaryData"]["state"]))


def keep(server: KubeServer, state: State) -> None:
    found = server.at(checkpoint(server))
    data = {"state": base64.b64encode(encode(state).data).decode()}
    server.put(paths.config_maps("llm-monitor"), {**found, "binaryData": data})


def verdicts(found: dict[str, dict[str, Any]]) -> dict[str, tuple[str, str, str]]:
    return {kind: (one["status"], one["reason"], one["message"]) for kind, one in found.items()}


@pytest.fixture
async def mistaken(world: World) -> World:
    """A monitor that was valid, and no more: of its leader a checkpoint is left."""
    changed(world, VALID)
    await world.passed()
    changed(world, MISTAKEN)
    await world.passed()
    return world


async def test_the_next_leader_judges_by_it_and_configures_as_before(world: World) -> None:
    changed(world, VALID)
    async with world.attached() as double:
        await world.passed()
        changed(world, MISTAKEN)
        before = await world.passed()
        configured = double.configuration

        await next_leader(world)
        double.configuration = msgspec.structs.replace(configured, generation=0, objectives=())
        await world.namespace_pass.look()
        after = await world.passed()

        assert verdicts(after) == verdicts(before)
        assert (after["Ready"]["reason"], after["Reporting"]["reason"]) == ("InvalidSpec", "AllReporting")
        assert [one.name for one in configured.objectives] == ["own"]
        assert double.configuration == configured


async def test_a_younger_monitor_is_not_given_its_pods_meanwhile(mistaken: World) -> None:
    await next_leader(mistaken)

    [known] = mistaken.parts.monitors.of("prod")
    assert known.monitor is not None
    assert known.monitor.spec.selector.match_labels == {"app": "chat"}


async def test_it_is_written_as_soon_as_a_mistake_follows_it_and_once(mistaken: World) -> None:
    assert msgspec.json.decode(kept(mistaken.server).valid_spec) == VALID

    version = mistaken.server.at(checkpoint(mistaken.server))["metadata"]["resourceVersion"]
    await mistaken.passed()

    assert mistaken.server.at(checkpoint(mistaken.server))["metadata"]["resourceVersion"] == version


async def test_where_none_was_kept_no_spec_is_in_force(mistaken: World) -> None:
    keep(mistaken.server, msgspec.structs.replace(kept(mistaken.server), valid_spec=""))

    await next_leader(mistaken)
    found = await mistaken.passed()

    assert (found["Reporting"]["status"], found["Reporting"]["reason"]) == ("Unknown", "NoSpecInForce")


@pytest.mark.parametrize("unread", ['{"selector":{"matchLabels":{"app":"chat"}},"later":1}', "{", "[]"])
async def test_one_that_this_version_cannot_read_is_ignored_said_and_kept(
    mistaken: World, unread: str
) -> None:
    keep(mistaken.server, msgspec.structs.replace(kept(mistaken.server), valid_spec=unread))

    await next_leader(mistaken)
    found = await mistaken.passed()
    await mistaken.one_pass.save_all()

    assert found["Reporting"]["reason"] == "NoSpecInForce"
    assert "holdFor" in found["Ready"]["message"]
    assert "last valid spec was kept, and this version cannot read it" in found["Ready"]["message"]
    assert kept(mistaken.server).valid_spec == unread


async def test_a_corrected_spec_takes_its_place(mistaken: World) -> None:
    await next_leader(mistaken)
    await mistaken.passed()
    corrected = {**VALID, "existingPods": "Ignore"}
    changed(mistaken, corrected)

    found = await mistaken.passed()
    await mistaken.one_pass.save_all()

    assert found["Ready"]["reason"] != "InvalidSpec"
    assert msgspec.json.decode(kept(mistaken.server).valid_spec) == corrected


async def test_until_it_was_looked_for_nobodys_sidecar_is_stopped(world: World) -> None:
    changed(world, VALID)
    async with world.attached() as double:
        changed(world, MISTAKEN)
        raw = world.server.at(f"{MONITORS}/chat")
        world.parts.monitors.drop(KEY, raw["metadata"]["uid"])
        world.parts.monitors.take(raw)

        await world.namespace_pass.look()

        assert not double.configuration.stop
