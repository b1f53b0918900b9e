from __future__ import annotations

import asyncio
import base64
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from tests.operator.conftest import START
from tests.operator.kube_server import KubeServer

from llmmonitor_operator.checkpoint import BYTES_LIMIT, encode
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import Conflict
from llmmonitor_operator.reconcile.keep.checkpoints import (
    ASIDE_LIMIT,
    KEEP_GONE_SECONDS,
    SAVE_EVERY_SECONDS,
    Checkpoints,
)
from llmmonitor_operator.shards import Shard
from llmmonitor_operator.state import Held, State

UID = "11111111-2222-4333-8444-555555555555"
NAME = f"llm-monitor-checkpoint-{UID}"
MAPS = paths.config_maps("llm-monitor")
MAP = paths.config_map("llm-monitor", NAME)
NOW = START
DAY = 86_400.0


@pytest.fixture
def checkpoints(kube: Kube) -> Checkpoints:
    return Checkpoints(kube, "llm-monitor", "llm-monitor")


@pytest.fixture
def state(watch: Callable[..., Any]) -> State:
    one = watch()
    replica = one.replica()
    replica.serve(100)
    result: State = one.gather([replica]).state
    return result


async def save(checkpoints: Checkpoints, state: State, now: float = NOW) -> tuple[str, ...]:
    return await checkpoints.save(UID, "prod", "chat", state, now)


async def test_what_was_saved_is_there_for_the_next_leader(
    kube: Kube, checkpoints: Checkpoints, state: State
) -> None:
    await checkpoints.load(UID)
    await save(checkpoints, state)

    loaded = await Checkpoints(kube, "llm-monitor", "llm-monitor").load(UID)

    assert loaded.state == state
    assert loaded.problem == ""


async def test_a_monitor_without_one_begins_anew(checkpoints: Checkpoints) -> None:
    loaded = await checkpoints.load(UID)

    assert (loaded.state, loaded.problem) == (None, "")


async def test_a_person_sees_whose_it_is(checkpoints: Checkpoints, server: KubeServer, state: State) -> None:
    await save(checkpoints, state)

    made = server.at(MAP)
    assert made["metadata"]["labels"]["llmmonitor.io/checkpoint"] == "hot"
    assert made["metadata"]["annotations"]["llmmonitor.io/monitor"] == "prod/chat"
    assert made["metadata"]["annotations"]["llmmonitor.io/checkpoint-schema"] == "1"
    assert "ownerReferences" not in made["metadata"]  # kept when the chart goes


async def test_what_does_not_fit_is_left_out_and_said(checkpoints: Checkpoints, server: KubeServer) -> None:
    rng = random.Random(5)
    large = State(
        held={
            f"C{n}": Held("R", "".join(chr(rng.randrange(32, 0x2FF)) for _ in range(300)), 0.0)
            for n in range(100)
        },
        counts=({f"o{n}": {} for n in range(5)}, {}, {}, {}),
    )
    fits = await save(checkpoints, large)

    data = base64.b64decode(server.at(MAP)["binaryData"]["state"])
    assert fits == ()
    assert len(data) <= BYTES_LIMIT
    with pytest.raises(ValueError, match=str(BYTES_LIMIT)):
        await save(checkpoints, msgspec.structs.replace(large, held=_too_much(rng)))


def _too_much(rng: random.Random) -> dict[str, Held]:
    return {f"C{n}": Held("R", rng.randbytes(1000).hex(), 0.0) for n in range(200)}


async def test_it_is_written_over_and_over(
    checkpoints: Checkpoints, server: KubeServer, state: State
) -> None:
    await checkpoints.load(UID)
    for number in range(3):
        await save(checkpoints, msgspec.structs.replace(state, newest_at=NOW + number))

    loaded = await checkpoints.load(UID)
    assert loaded.state is not None
    assert loaded.state.newest_at == NOW + 2
    assert [line.split()[0] for line in server.writes()] == ["POST", "PUT", "PUT"]


async def test_of_two_leaders_the_second_to_write_is_told(
    kube: Kube, checkpoints: Checkpoints, server: KubeServer, state: State, caplog: pytest.LogCaptureFixture
) -> None:
    other = Checkpoints(kube, "llm-monitor", "llm-monitor")
    await checkpoints.load(UID)
    await other.load(UID)
    await save(checkpoints, state)

    with pytest.raises(Conflict):
        await save(other, State(newest_at=1.0))
    await save(checkpoints, state)
    await other.load(UID)
    await save(checkpoints, state)
    with pytest.raises(Conflict):
        await save(other, State(newest_at=1.0))

    assert "another operator" in caplog.text
    kept = await Checkpoints(kube, "llm-monitor", "llm-monitor").load(UID)
    assert kept.state == state
    await save(other, state)  # told once, it goes on
    assert server.has(MAP)


async def test_one_that_somebody_deleted_is_written_anew(
    checkpoints: Checkpoints, server: KubeServer, state: State
) -> None:
    await save(checkpoints, state)
    server.remove(MAP)

    await save(checkpoints, state)

    assert (await checkpoints.load(UID)).state == state


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"data": {"state": "text"}},
        {"binaryData": {"state": "not base64!"}},
        {"binaryData": {"state": None}},
        {"binaryData": {"state": base64.b64encode(b"not zlib").decode()}},
        {"binaryData": {"state": base64.b64encode(encode(State()).data[:-3]).decode()}},
    ],
)
async def test_one_that_cannot_be_read_is_kept_aside_and_said(
    checkpoints: Checkpoints, server: KubeServer, state: State, content: dict[str, Any]
) -> None:
    annotations = {"llmmonitor.io/monitor": "prod/chat"}
    server.put(MAPS, {"metadata": {"name": NAME, "annotations": annotations}, **content})

    loaded = await checkpoints.load(UID)
    await save(checkpoints, state)

    assert loaded.state is None
    assert "prod/chat" in loaded.problem
    [name] = set_aside(server)
    assert f"llm-monitor/{name}" in loaded.problem
    aside = server.at(paths.config_map("llm-monitor", name))
    assert {key: aside[key] for key in content} == content
    assert aside["metadata"]["labels"]["llmmonitor.io/checkpoint"] == "unreadable"
    assert (await checkpoints.load(UID)).state == state


def set_aside(server: KubeServer) -> list[str]:
    return sorted(name for _, _, _, name in server.objects if name.startswith(f"{NAME}-unreadable-"))


async def test_several_that_cannot_be_read_are_kept_beside_each_other_up_to_a_few(
    checkpoints: Checkpoints, server: KubeServer
) -> None:
    for content in ("a", "b", "b", "c", "d", "e"):
        server.put(MAPS, {"metadata": {"name": NAME}, "data": {"state": content}})
        await checkpoints.load(UID)

    kept = [server.at(paths.config_map("llm-monitor", name))["data"]["state"] for name in set_aside(server)]
    assert len(kept) == ASIDE_LIMIT
    assert "e" in kept
    assert "a" not in kept


async def test_it_is_due_every_five_minutes_when_there_is_news_and_never_without(
    checkpoints: Checkpoints, watch: Callable[..., Any]
) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(1)
    state = one.gather([replica]).state
    await save(checkpoints, state, one.now)
    begin = one.now

    due = []
    for seconds, requests in [(100, 1), (200, 0), (50, 0)]:
        replica.serve(requests)
        state = one.gather([replica], seconds).state
        due.append((one.now - begin, checkpoints.due(UID, state, one.now)))
    await save(checkpoints, state, one.now)
    begin = one.now
    idle = []
    while one.now < begin + 7200.0:
        state = one.gather([replica], SAVE_EVERY_SECONDS).state
        if checkpoints.due(UID, state, one.now):
            idle.append(one.now - begin)
            await save(checkpoints, state, one.now)

    assert due == [(100, False), (300, True), (350, True)]
    assert idle == [3600.0]  # what was held for an hour is held no longer, which is news


async def test_a_verdict_that_changed_is_news(checkpoints: Checkpoints, state: State) -> None:
    await save(checkpoints, state, NOW)
    turned = [msgspec.structs.replace(one, reason="Turned") for one in state.conditions]

    assert not checkpoints.due(UID, state, NOW + 400)
    assert checkpoints.due(UID, msgspec.structs.replace(state, conditions=tuple(turned)), NOW + 400)


async def test_after_a_takeover_not_all_are_saved_at_once(kube: Kube, state: State) -> None:
    checkpoints = Checkpoints(kube, "llm-monitor", "llm-monitor")
    uids = [f"{number:08x}-2222-4333-8444-555555555555" for number in range(300)]

    per_minute = [0] * 6
    for uid in uids:
        first = next(second for second in range(0, 360, 5) if checkpoints.due(uid, state, NOW + second))
        per_minute[first // 60] += 1

    assert max(per_minute) <= 75
    assert not Checkpoints(kube, "llm-monitor", "llm-monitor").due(UID, State(), NOW + 10 * DAY)


async def test_those_of_monitors_that_are_gone_go_after_seven_days(
    checkpoints: Checkpoints, server: KubeServer, state: State
) -> None:
    await save(checkpoints, state)
    await checkpoints.save("other", "prod", "other", state, NOW)
    checkpoints.forget("other")
    there = []
    for at in (0.0, KEEP_GONE_SECONDS - 1, KEEP_GONE_SECONDS):
        await checkpoints.sweep({UID}, NOW + at)
        there.append(server.has(paths.config_map("llm-monitor", "llm-monitor-checkpoint-other")))

    assert there == [True, True, False]
    assert server.has(MAP)
    await save(checkpoints, state)


async def test_one_that_was_only_not_looked_for_stays_and_goes_on(
    checkpoints: Checkpoints, server: KubeServer, state: State
) -> None:
    await save(checkpoints, state)
    await checkpoints.sweep((), NOW)
    await checkpoints.sweep({UID}, NOW + 6 * DAY)
    await save(checkpoints, state, NOW + 6 * DAY)
    await checkpoints.sweep((), NOW + 8 * DAY)

    assert server.has(MAP)


class WhenLetGo(ThreadPoolExecutor):
    """Begins what it is asked for when it is let go."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self.asked = asyncio.Event()
        self.let_go = threading.Event()

    def submit(self, work: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
        def later() -> Any:
            self.let_go.wait(timeout=10)
            return work(*args, **named)

        self.asked.set()
        return super().submit(later)


async def test_one_that_is_looked_for_while_it_is_read_is_no_others(
    kube: Kube, checkpoints: Checkpoints, state: State
) -> None:
    await save(checkpoints, state)
    await checkpoints.sweep((), NOW)
    after = Checkpoints(kube, "llm-monitor", "llm-monitor")
    asyncio.get_running_loop().set_default_executor(reading := WhenLetGo())

    loading = asyncio.create_task(after.load(UID))
    await reading.asked.wait()
    await after.sweep({UID}, NOW)
    reading.let_go.set()
    await loading

    await save(after, state)


async def test_a_shard_looks_after_those_of_its_own_namespaces(
    checkpoints: Checkpoints, server: KubeServer, state: State
) -> None:
    await checkpoints.save("zero", "prod", "chat", state, NOW)
    await checkpoints.save("one", "test", "chat", state, NOW)
    server.put(MAPS, {"metadata": {"name": NAME, "labels": {"llmmonitor.io/checkpoint": "hot"}}})

    for at in (0.0, KEEP_GONE_SECONDS + 1):
        await checkpoints.sweep((), NOW + at, Shard(1, 2))

    there = [
        server.has(paths.config_map("llm-monitor", f"llm-monitor-checkpoint-{uid}"))
        for uid in ("zero", "one")
    ]
    assert there == [True, False]
    assert server.has(MAP)


async def test_what_is_not_ours_is_left_alone(checkpoints: Checkpoints, server: KubeServer) -> None:
    labels = {"llmmonitor.io/checkpoint": "hot"}
    server.put(MAPS, {"metadata": {"name": "another-release-checkpoint-1", "labels": labels}})
    server.put(MAPS, {"metadata": {"name": "llm-monitor-checkpoint-unlabelled"}})

    for at in (0.0, KEEP_GONE_SECONDS + 1):
        await checkpoints.sweep((), NOW + at)

    assert server.has(paths.config_map("llm-monitor", "another-release-checkpoint-1"))
    assert server.has(paths.config_map("llm-monitor", "llm-monitor-checkpoint-unlabelled"))


async def test_an_unreadable_one_goes_with_its_monitor(checkpoints: Checkpoints, server: KubeServer) -> None:
    server.put(
        MAPS,
        {"metadata": {"name": NAME, "labels": {"llmmonitor.io/checkpoint": "hot"}}, "data": {"state": "x"}},
    )
    await checkpoints.load(UID)

    await checkpoints.sweep({UID}, NOW)
    assert len(set_aside(server)) == 1
    for at in (0.0, KEEP_GONE_SECONDS + 1):
        await checkpoints.sweep((), NOW + at)

    assert not server.has(MAP)
    assert set_aside(server) == []


async def test_many_are_saved_beside_each_other(checkpoints: Checkpoints, state: State) -> None:
    uids = [f"uid-{number}" for number in range(20)]

    async with asyncio.TaskGroup() as group:
        for uid in uids:
            group.create_task(checkpoints.save(uid, "prod", uid, state, NOW))

    assert all([(await checkpoints.load(uid)).state == state for uid in uids])
