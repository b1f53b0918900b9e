from __future__ import annotations

import base64
import random
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.operator.drift.traffic import SETTINGS, Monitored, learnt
from tests.operator.kube_server import KubeServer

from llmmonitor_operator.drift.baseline import KEPT_LIMIT, Baseline
from llmmonitor_operator.drift.kept import BYTES_LIMIT, SCHEMA, decode, encode
from llmmonitor_operator.drift.watch import Watch
from llmmonitor_operator.drift.window import Window, joined, packed
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.keep.checkpoints import KEEP_GONE_SECONDS, Checkpoints
from llmmonitor_operator.reconcile.keep.drift_watcher import ACCEPTED, DriftWatcher
from llmmonitor_operator.reconcile.keep.histories import Baselines
from llmmonitor_operator.state import State

UID = "11111111-2222-4333-8444-555555555555"
MAP = paths.config_map("llm-monitor", f"llm-monitor-checkpoint-{UID}-drift-{SCHEMA}")
MONITOR: dict[str, Any] = {"metadata": {"uid": UID, "namespace": "prod", "name": "chat"}}


def baselines(kube: Kube) -> Baselines:
    return Baselines(kube, "llm-monitor", "llm-monitor")


def watcher(kube: Kube) -> DriftWatcher:
    return DriftWatcher(kube, "llm-monitor", "llm-monitor")


def with_full_window(one: Monitored) -> State:
    full = joined(Window(), one.traffic.counts(500), one.now, one.now + 600)
    return State(drift=msgspec.structs.replace(one.watch, open=full))


async def test_a_new_leader_judges_by_the_old_ones_baseline(kube: Kube) -> None:
    one = learnt()
    await baselines(kube).save(UID, "prod", "chat", one.baseline, one.now)
    one.traffic.code, leader, state = 0.4, watcher(kube), State()
    for _ in range(2):
        full = joined(Window(), one.traffic.counts(500), one.now, one.now + 600)
        state = State(drift=msgspec.structs.replace(state.drift, open=full))
        state = await leader.look(MONITOR, state, SETTINGS, one.now)
        one.now += 600

    assert state.drift.judging
    assert state.drift.alarms


async def test_nothing_is_done_until_a_window_is_full(kube: Kube) -> None:
    state = State(drift=Watch(open=Window(requests=499)))

    assert await watcher(kube).look(MONITOR, state, SETTINGS, 0.0) is state


async def test_it_is_learnt_from_when_it_is_complete(kube: Kube) -> None:
    one = learnt()
    unlearnt = msgspec.structs.replace(one.baseline, learnt=None)
    await baselines(kube).save(UID, "prod", "chat", unlearnt, one.now)
    leader = watcher(kube)

    first = await leader.look(MONITOR, with_full_window(one), SETTINGS, one.now)
    one.now += 600
    second = await leader.look(MONITOR, with_full_window(one), SETTINGS, one.now)

    assert not first.drift.judging
    assert second.drift.judging


async def test_accepting_begins_anew_once_and_is_written_at_once(kube: Kube, server: KubeServer) -> None:
    one = learnt()
    await baselines(kube).save(UID, "prod", "chat", one.baseline, one.now)
    word = "2027-01-15T08:00:00Z"
    accepting = {"metadata": MONITOR["metadata"] | {"annotations": {ACCEPTED: word}}}

    state = await watcher(kube).look(accepting, State(drift=one.watch), SETTINGS, one.now)
    kept = decode(base64.b64decode(server.at(MAP)["binaryData"]["baseline"]))
    again = await watcher(kube).look(accepting, with_full_window(one), SETTINGS, one.now)

    assert state.drift == Watch()
    assert kept == Baseline(accepted=word)
    assert again.drift.baseline_windows == 1


async def test_one_that_cannot_be_read_begins_anew(kube: Kube, server: KubeServer) -> None:
    await baselines(kube).save(UID, "prod", "chat", learnt().baseline, 0.0)
    server.at(MAP)["binaryData"] = {"baseline": base64.b64encode(b"something else").decode()}

    assert await baselines(kube).load(UID) == Baseline()


async def test_it_goes_with_the_checkpoints_of_a_monitor_that_is_gone(kube: Kube, server: KubeServer) -> None:
    checkpoints = Checkpoints(kube, "llm-monitor", "llm-monitor")
    await baselines(kube).save(UID, "prod", "chat", learnt().baseline, 0.0)

    await checkpoints.sweep([], 0.0)
    await checkpoints.sweep([], KEEP_GONE_SECONDS)

    assert not server.has(MAP)


@pytest.mark.parametrize("cut", [0, 5, -1])
def test_damaged_bytes_are_refused(cut: int) -> None:
    with pytest.raises(ValueError, match=r"baseline|cut off"):
        decode(encode(learnt().baseline)[:cut])


def test_the_largest_baseline_fits() -> None:
    """As many windows and cells as there may be, each as wide as what is counted may make it."""
    draw = random.Random(3)
    windows = [packed(as_wide_as_can_be(draw, 500)) for _ in range(KEPT_LIMIT)]
    cells = {hour: packed(as_wide_as_can_be(draw, 4000)) for hour in range(168)}

    full = Baseline(kept=tuple(windows), cells=cells, everything=packed(as_wide_as_can_be(draw, 10**6)))

    assert len(encode(full)) <= BYTES_LIMIT


def as_wide_as_can_be(draw: random.Random, requests: int) -> Window:
    """Every bucket and stratum that a language model could have requests in has some."""
    return Window(
        requests=requests,
        counts={
            f"feature-{n}": {bucket: draw.randrange(1, requests // 10) for bucket in range(36)}
            for n in range(5)
        },
        completions={
            stratum: {bucket: draw.randrange(1, requests // 100 + 2) for bucket in range(24)}
            for stratum in range(16)
        },
    )


async def test_another_window_size_is_another_baseline(kube: Kube) -> None:
    one = learnt()
    await baselines(kube).save(UID, "prod", "chat", one.baseline, one.now)
    state = with_full_window(one)
    larger = msgspec.structs.replace(
        state.drift, open=msgspec.structs.replace(state.drift.open, requests=1000)
    )

    state = await watcher(kube).look(MONITOR, State(drift=larger), replace(SETTINGS, window=1000), one.now)

    assert not state.drift.judging
