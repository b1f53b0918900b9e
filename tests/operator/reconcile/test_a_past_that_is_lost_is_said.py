"""A checkpoint that cannot be read: an Event at once, and words in the status while windows lack it."""

from __future__ import annotations

import pytest
from tests.operator.kube_server import KubeServer
from tests.operator.reconcile.operator_world import MONITORS, World

from llmmonitor_api.conditions.event_reasons import CHECKPOINT_UNREADABLE
from llmmonitor_operator.kube import paths

MAPS = paths.config_maps("llm-monitor")


def checkpoint(server: KubeServer, **content: object) -> None:
    uid = server.at(f"{MONITORS}/chat")["metadata"]["uid"]
    server.put(MAPS, {"metadata": {"name": f"llm-monitor-checkpoint-{uid}"}, **content})


@pytest.fixture
def world_that_lost_it(world: World) -> World:
    checkpoint(world.server, binaryData={"state": "bm90IG91cnM="})
    return world


async def test_an_event_names_where_it_is_kept_and_what_begins_anew(world_that_lost_it: World) -> None:
    await world_that_lost_it.passed()

    [event] = [one for one in world_that_lost_it.events if one.reason == CHECKPOINT_UNREADABLE]
    assert event.type == "Warning"
    assert "kept as ConfigMap llm-monitor/llm-monitor-checkpoint-" in event.message
    assert "burn-rate windows begin anew" in event.message


async def test_the_status_says_so_beside_the_windows(world_that_lost_it: World) -> None:
    world = world_that_lost_it
    async with world.attached():
        await world.passed()

    window = world.server.at(f"{MONITORS}/chat")["status"]["window"]
    assert "-unreadable-" in window["begunAnew"]
    assert len([one for one in world.events if one.reason == CHECKPOINT_UNREADABLE]) == 1


async def test_a_monitor_that_is_only_new_has_lost_nothing(world: World) -> None:
    await world.passed()

    assert CHECKPOINT_UNREADABLE not in [one.reason for one in world.events]
