from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer
from tests.operator.reconcile.operator_world import MONITORS, World

from llmmonitor_operator.audit import chain
from llmmonitor_operator.audit.chain import Chain, appended
from llmmonitor_operator.audit.record import Entry, Record, What, read
from llmmonitor_operator.audit.stray import RECORDS_LIMIT
from llmmonitor_operator.audit.verify import verify
from llmmonitor_operator.evaluate.wording import moment
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.keep.audit_watcher import AuditWatcher
from llmmonitor_operator.reconcile.keep.audits import LABEL, Audits, volumes
from llmmonitor_operator.reconcile.keep.drift_watcher import ACCEPTED
from llmmonitor_operator.reconcile.monitor_pass import MonitorPass
from llmmonitor_operator.review_kept import Batch, Judged, ReviewKept, Subject
from llmmonitor_operator.state import State

CONFIG_MAPS = "/api/v1/namespaces/llm-monitor/configmaps"
DAY = 86_400.0


async def kept(kube: Kube) -> list[dict[str, Any]]:
    return (await kube.list(CONFIG_MAPS, label_selector=LABEL)).items


async def records(world: World) -> list[Record]:
    return [read(line) for one in volumes(await kept(world.parts.kube)) for line in one.values()]


async def test_the_first_spec_and_every_change_of_it_are_recorded_once(world: World) -> None:
    await world.passed()
    await world.passed()
    monitor = world.server.at(f"{MONITORS}/chat")
    changed = {**monitor["spec"], "privacy": {"content": "Redacted"}}
    fields: dict[str, Any] = {"f:spec": {"f:privacy": {}}}
    writer = {"manager": "kubectl-edit", "time": "2027-01-15T08:00:00Z", "fieldsV1": fields}
    metadata = {**monitor["metadata"], "managedFields": [writer]}
    world.server.put(MONITORS, {**monitor, "metadata": metadata, "spec": changed})
    await world.passed()
    await world.passed()

    first, second = await records(world)

    assert (first.what, first.about) == ("SpecChanged", "generation 1")
    assert (second.what, second.about, second.why) == (
        "SpecChanged",
        "generation 2",
        "changed: spec.privacy",
    )
    assert second.who.endswith("written with kubectl-edit")
    assert "Redacted" not in str(second)  # digests alone


async def test_the_status_says_how_long_the_chain_is_and_how_it_ends(world: World) -> None:
    await world.passed()

    said = world.server.at(f"{MONITORS}/chat")["status"]["audit"]

    monitor = world.server.at(f"{MONITORS}/chat")["metadata"]["uid"]
    found = verify(monitor, volumes(await kept(world.parts.kube)), records=said["records"], head=said["head"])
    assert said["namespace"] == "llm-monitor"
    assert (said["records"], found.problems) == (1, ())


async def test_what_the_owner_accepts_is_recorded_once(world: World) -> None:
    await world.passed()
    await world.parts.kube.patch(
        f"{MONITORS}/chat", {"metadata": {"annotations": {ACCEPTED: "2027-01-15T08:00:00Z"}}}
    )
    await world.passed()
    await world.passed()

    [_, accepted] = await records(world)

    assert (accepted.what, accepted.why) == ("Accepted", "said at 2027-01-15T08:00:00Z")


async def test_a_new_leader_without_a_checkpoint_records_nothing_again(world: World) -> None:
    await world.passed()

    parts = replace(world.parts, audits=Audits(world.parts.kube, "llm-monitor", "llm-monitor"))
    world.one_pass = MonitorPass(parts)
    await world.passed()

    assert len(await records(world)) == 1


async def test_two_that_append_at_once_lose_no_record(world: World, kube: Kube) -> None:
    await world.passed()
    monitor = world.server.at(f"{MONITORS}/chat")
    other = Audits(kube, "llm-monitor", "llm-monitor")
    await other.chain(monitor["metadata"]["uid"])
    look = Entry(who="ada", what=What.LOOK)

    await world.parts.audits.append(monitor, look, 0.0)
    await other.append(monitor, look, 0.0)  # from what it read before
    await asyncio.gather(*(world.parts.audits.append(monitor, look, 0.0) for _ in range(3)))

    found = verify(monitor["metadata"]["uid"], volumes(await kept(kube)))
    assert len(found.records) == 6
    assert found.problems == ()


async def test_a_record_that_is_not_written_is_tried_again(world: World, server: KubeServer) -> None:
    async def away(request: web.Request) -> web.Response | None:
        return web.Response(status=503) if (request.method, request.path) == ("POST", CONFIG_MAPS) else None

    server.fault = away
    await world.passed()
    assert await records(world) == []

    server.fault = None
    await world.passed()

    assert [one.what for one in await records(world)] == ["SpecChanged"]


async def test_two_that_begin_a_volume_at_once_do_not_go_on_in_two(
    world: World, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one begins the next, the other writes what would still find room in the old one."""
    monitor = world.server.at(f"{MONITORS}/chat")
    uid, look = monitor["metadata"]["uid"], Entry(who="ada", what=What.LOOK)
    first = full(uid, 4)
    monkeypatch.setattr(chain, "BYTES_LIMIT", sum(map(len, first.lines.values())) + 400)
    world.server.put(CONFIG_MAPS, volume(uid, first))
    other = Audits(kube, "llm-monitor", "llm-monitor")
    await other.chain(uid)

    async def meanwhile(request: web.Request) -> web.Response | None:
        if (request.method, request.path) == ("POST", CONFIG_MAPS):
            world.server.fault = None
            await other.append(monitor, look, 0.0)
        return None

    world.server.fault = meanwhile
    await world.parts.audits.append(monitor, Entry(who="ada", what=What.LOOK, why="x" * 500), 0.0)

    found = verify(uid, volumes(await kept(kube)))
    assert found.problems == ()
    assert len(found.records) == 6


@pytest.mark.parametrize("lost", [0, 3], ids=["whole", "with records lost"])
async def test_who_dies_between_two_volumes_is_followed(world: World, kube: Kube, lost: int) -> None:
    monitor = world.server.at(f"{MONITORS}/chat")
    uid, look = monitor["metadata"]["uid"], Entry(who="ada", what=What.LOOK)
    closed = {**volume(uid, full(uid, 4)), "immutable": True}
    world.server.put(CONFIG_MAPS, closed)

    await world.parts.audits.append(monitor, look, 0.0, records=4 + lost)
    await world.parts.audits.append(monitor, look, 0.0, records=4 + lost)

    [old, new] = await kept(kube)
    assert old["data"] == closed["data"]
    assert len(new["data"]) == 2 + bool(lost)


async def test_the_record_of_what_is_lost_stands_though_the_volume_ends_with_it(
    world: World, kube: Kube
) -> None:
    monitor = world.server.at(f"{MONITORS}/chat")
    uid = monitor["metadata"]["uid"]
    world.server.put(CONFIG_MAPS, volume(uid, full(uid, RECORDS_LIMIT - 1)))

    await world.parts.audits.append(monitor, Entry(who="ada", what=What.LOOK), 0.0, records=RECORDS_LIMIT + 9)

    found = verify(uid, volumes(await kept(kube)))
    assert [one.what for one in found.records[-2:]] == ["Lost", "Look"]
    assert found.problems[0] == f"records {RECORDS_LIMIT} to {RECORDS_LIMIT + 9} are missing"
    assert "10 were lost" in found.problems[1]
    assert len(found.problems) == 2


async def test_what_was_written_though_no_answer_came_is_not_written_twice(
    world: World, server: KubeServer
) -> None:
    async def half(request: web.Request) -> web.Response | None:
        if (request.method, request.path) != ("POST", CONFIG_MAPS):
            return None
        server.put(CONFIG_MAPS, await request.json())
        return web.Response(status=504)

    server.fault = half
    await world.passed()
    server.fault = None
    await world.passed()

    assert [one.what for one in await records(world)] == ["SpecChanged"]


def full(uid: str, records: int) -> Chain:
    grown = Chain(uid)
    for _ in range(records):
        grown = appended(grown, Entry(who="ada", what=What.LOOK), moment(0.0))
    return grown


async def test_records_stay_for_400_days_and_what_goes_is_recorded(world: World, kube: Kube) -> None:
    monitor = world.server.at(f"{MONITORS}/chat")
    uid, begin = monitor["metadata"]["uid"], 1_800_000_000.0
    first = Chain(uid)
    for _ in range(RECORDS_LIMIT):
        first = appended(first, Entry(who="ada", what=What.LOOK), moment(begin))
    world.server.put(CONFIG_MAPS, volume(uid, first))
    await world.parts.audits.append(monitor, Entry(who="ada", what=What.LOOK), begin + DAY)
    assert [bool(one.get("immutable")) for one in await kept(kube)] == [True, False]

    await world.parts.audits.sweep({uid: monitor}, begin + 400 * DAY)
    assert len(await kept(kube)) == 2
    await world.parts.audits.sweep({uid: monitor}, begin + 400 * DAY + 1)

    [left] = await kept(kube)
    found = verify(uid, volumes([left]))
    assert [one.what for one in found.records] == ["Look", "Trimmed"]
    assert found.records[0].number == RECORDS_LIMIT + 1
    assert found.problems == ()


def volume(uid: str, chain: Chain) -> dict[str, Any]:
    metadata = {"name": f"llm-monitor-audit-{uid}-{chain.volume:04d}", "labels": {LABEL: uid}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(chain.lines)}


async def test_a_suspension_and_its_end_are_recorded(world: World) -> None:
    wrong = tuple(Batch(str(n), 1, 1, 0.0, (Judged("wrong", n % 2, n),)) for n in range(40))
    right = tuple(Batch(f"r{n}", 99, 1, 0.0, (Judged("right", n % 2, 40 + n),)) for n in range(40))
    key = Subject("piiExposed", "pii", 1).key
    monitor = world.server.at(f"{MONITORS}/chat")
    watcher = AuditWatcher(world.parts.audits)

    state = State(review=ReviewKept(("ada", "bob"), {key: wrong}, 40))
    state = await watcher.look(monitor, state, 0.0)
    state = await watcher.look(monitor, state, 0.0)
    better = ReviewKept(("ada", "bob"), {key: (*wrong, *right)}, 80)
    await watcher.look(monitor, msgspec.structs.replace(state, review=better), 0.0)

    _, suspended, resumed = await records(world)
    assert (suspended.what, suspended.about, suspended.count) == ("Suspended", "piiExposed by pii 1", 40)
    assert "50 %" in suspended.why
    assert (resumed.what, resumed.about) == ("Resumed", "piiExposed by pii 1")
