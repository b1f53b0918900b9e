from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web
from tests.operator.anomalies.streams import Stream
from tests.operator.conftest import START
from tests.operator.kube_server import KubeServer, Refusal, refused

from llmmonitor_operator.anomalies.cell import CELL_SECONDS, CELLS_A_DAY
from llmmonitor_operator.anomalies.history import SCHEMA, History, kept
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.keep.anomaly_watcher import AnomalyWatcher
from llmmonitor_operator.reconcile.keep.beside import SAVE_EVERY_SECONDS
from llmmonitor_operator.reconcile.keep.checkpoints import KEEP_GONE_SECONDS, Checkpoints
from llmmonitor_operator.reconcile.keep.histories import Histories
from llmmonitor_operator.state import State

UID = "11111111-2222-4333-8444-555555555555"
KEY = ("prod", "chat")
MAP = paths.config_map("llm-monitor", f"llm-monitor-checkpoint-{UID}-history-{SCHEMA}")
Make = Callable[..., Any]


def histories(kube: Kube) -> Histories:
    return Histories(kube, "llm-monitor", "llm-monitor")


def watcher(kube: Kube) -> AnomalyWatcher:
    return AnomalyWatcher(kube, "llm-monitor", "llm-monitor")


def past(days: int) -> History:
    """The days before START."""
    stream, made = Stream(), History()
    end = int(START // CELL_SECONDS)
    for at in range(end - days * CELLS_A_DAY, end - 2):
        made = kept(made, {at: stream.cell(at % CELLS_A_DAY)}, (at + 1) * CELL_SECONDS + 60.0)
    return made


def busy(watch: Make, seconds: float) -> tuple[State, float]:
    """A state in which requests were served for so long, and when that was."""
    one = watch()
    replica = one.replica()
    for _ in range(int(seconds // 15)):
        replica.serve(5)
        one.collect([replica])
    return one.state, one.now


async def test_what_was_saved_is_there_for_the_next_leader(kube: Kube) -> None:
    made = past(days=2)
    await histories(kube).save(UID, *KEY, made, START)
    await histories(kube).save(UID, *KEY, made, START + 1)  # it is there already

    assert await histories(kube).load(UID) == made


async def test_one_that_cannot_be_read_begins_anew(kube: Kube, server: KubeServer) -> None:
    await histories(kube).save(UID, *KEY, past(days=1), START)
    server.at(MAP)["binaryData"] = {"cells": base64.b64encode(b"something else").decode()}

    assert await histories(kube).load(UID) == History()


async def test_it_is_written_once_an_hour_and_only_when_it_changed(kube: Kube) -> None:
    one, made = histories(kube), past(days=1)
    late = START + SAVE_EVERY_SECONDS
    assert not one.due(UID, History(), late)
    assert one.due(UID, made, late + SAVE_EVERY_SECONDS)
    await one.save(UID, *KEY, made, late)

    assert not one.due(UID, made, late + 2 * SAVE_EVERY_SECONDS)
    newer = kept(made, {int(late // CELL_SECONDS): Stream().cell(0)}, late + 600)
    assert not one.due(UID, newer, late + 60)
    assert one.due(UID, newer, late + SAVE_EVERY_SECONDS)


async def test_it_goes_with_the_checkpoints_of_a_monitor_that_is_gone(kube: Kube, server: KubeServer) -> None:
    checkpoints = Checkpoints(kube, "llm-monitor", "llm-monitor")
    await histories(kube).save(UID, *KEY, past(days=1), START)

    await checkpoints.sweep([UID], START)
    kept_while_known = server.has(MAP)
    await checkpoints.sweep([], START)
    await checkpoints.sweep([], START + KEEP_GONE_SECONDS)

    assert kept_while_known
    assert not server.has(MAP)


async def test_a_new_leader_goes_on_with_the_old_ones_history_and_learns(kube: Kube, watch: Make) -> None:
    await histories(kube).save(UID, *KEY, past(days=17), START)
    state, now = busy(watch, seconds=900)

    state = await watcher(kube).look(KEY, UID, state, now)

    assert state.anomalies.at > 0
    assert state.anomalies.days == 16
    assert "TTFT" in state.anomalies.models


async def test_an_api_server_that_is_away_costs_no_pass(kube: Kube, server: KubeServer, watch: Make) -> None:
    state, now = busy(watch, seconds=900)

    async def away(_request: web.Request) -> web.StreamResponse:
        return refused(Refusal(503, "etcd is away"))

    server.fault = away
    seen = await watcher(kube).look(KEY, UID, state, now)

    assert seen.anomalies.at > 0
    assert msgspec.structs.replace(seen, anomalies=state.anomalies) == state
