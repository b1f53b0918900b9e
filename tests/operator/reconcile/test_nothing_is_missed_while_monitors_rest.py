"""What would be seen or counted by passes each interval is so too while a monitor rests for minutes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests.operator.conftest import Watch, monitor_with
from tests.operator.model_pods import moment
from tests.operator.reconcile.operator_world import KEY, MONITORS, PODS, World, until
from tests.operator.reconcile.resting import Clock, let_rest, look, rested, state
from tests.operator.reconcile.sidecar_double import SidecarDouble

from llmmonitor_api.report.probing import ProbeResult, ProbeRound, Probing
from llmmonitor_api.report.report import Report, Resources, encode
from llmmonitor_api.report.requests import RequestCounts
from llmmonitor_operator.reconcile import monitor_pass
from llmmonitor_operator.reconcile.hearing import absorbed
from llmmonitor_operator.reconcile.loop import Why
from llmmonitor_operator.reconcile.rest import KEPT_BYTES_LIMIT, End, rest_after
from llmmonitor_operator.settings import Settings
from llmmonitor_operator.state import State
from llmmonitor_sidecar.endpoints import api

SECONDS = 240.0
NOW = 1_800_000_000.0
DAY = 86_400.0


@pytest.fixture(params=["asked", "told"])
def clock(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A moment after a cell of five minutes began; each rest is as long as may be."""
    monkeypatch.setattr(monitor_pass, "end_of_rest", lambda now, *_, **__: End(now + SECONDS))
    found = let_rest(world, monkeypatch, after=20, seconds=SECONDS)
    found.tells_on = request.param == "told"
    return found


async def test_every_round_of_probes_is_added(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sidecar tells the newest two."""
    rounds: list[ProbeRound] = []
    monkeypatch.setattr(SidecarDouble, "_probing", lambda _: Probing(version="v", rounds=tuple(rounds[-2:])))
    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)

        for _ in range(4):
            rounds.append(ProbeRound(clock.now, "v", 1, clock.now, (ProbeResult("q", passed=0, failed=1),)))
            for _ in range(4):
                await look(world, clock)

        assert len(state(world).quality.rounds) == 4


@pytest.mark.parametrize("pods", [65, 2050])
async def test_a_pod_that_was_not_kept_ends_no_pass(pods: int) -> None:
    """One whose clock is two days behind, and more than are kept at all."""
    one, reports = Watch(monitor_with()), {}
    for number in range(pods):
        replica, at = one.replica(number), NOW - 2 * DAY if number == 0 else NOW
        replica.started_at = at - 60
        reports[replica.uid] = replica.report(at)
    found, _ = await absorbed(State(), reports, NOW)
    evaluation: Any = SimpleNamespace(inputs=SimpleNamespace(settings=Settings()), state=found, conditions=())

    assert rest_after(evaluation, [], reports, End(NOW + 60), None) is None


async def test_memory_that_only_metrics_server_tells_is_judged_by_each_report(
    world: World, clock: Clock
) -> None:
    world.one_pass._measured._monotonic = clock
    pod = world.server.at(f"{PODS}/chat-a")
    limits = {"memory": "4Gi", "cpu": "4"}
    pod["spec"]["containers"][0]["resources"] = {"limits": limits, "requests": limits}
    world.server.put(PODS, pod)

    def uses(memory: str) -> None:
        measured = {
            "metadata": {"name": "chat-a", "namespace": "prod"},
            "timestamp": datetime.fromtimestamp(clock.now, UTC).isoformat(),
            "containers": [{"name": "vllm", "usage": {"cpu": "1", "memory": memory}}],
        }
        world.server.put("/apis/metrics.k8s.io/v1beta1/namespaces/prod/pods", measured)

    uses("1Gi")
    async with world.attached() as double:
        double.begun = 40
        double.resources = Resources(processes_visible=False, reason="another PID namespace")
        await world.passed()
        await world.namespace_pass.look()
        await world.passed()
        statuses = []

        for _ in range(4):
            clock.now += 15
            uses("3.95Gi")
            await world.one_pass(KEY, Why.TIME)
            conditions = world.server.at(f"{MONITORS}/chat")["status"]["conditions"]
            statuses += [one["status"] for one in conditions if one["type"] == "ResourcesHealthy"]

        assert "False" in statuses


async def test_a_pod_that_is_to_be_attached_to_is_not_slept_over(world: World, clock: Clock) -> None:
    pod, began = world.server.at(f"{PODS}/chat-a"), clock.now
    running = {"running": {"startedAt": moment(clock.now)}}
    pod["status"]["containerStatuses"] = [{"name": "vllm", "restartCount": 2, "state": running}]
    world.server.put(PODS, pod)
    await world.passed()

    while not world.server.at(f"{PODS}/chat-a")["spec"].get("ephemeralContainers"):
        await look(world, clock)
        assert clock.now - began <= 45


async def test_what_came_before_a_cell_ended_is_in_it_though_the_answer_came_after(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        for _ in range(10):
            double.begun += 10
            await look(world, clock)
        clock.now = clock.now // 300 * 300 + 299.9 - 15
        puller = world.one_pass._hearing._puller
        hear = puller.hear

        async def slow(*given: Any) -> Any:
            clock.now += 0.2
            return await hear(*given)

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(puller, "hear", slow)  # the cell ends
            await look(world, clock)
        await world.one_pass(KEY)

        before = state(world).figures[1][int(clock.now // 300) - 1]
        assert before.unpacked().begun == 140


async def test_no_counter_goes_back_when_checks_begin_anew(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, make = RequestCounts(setting="a"), SidecarDouble.report

    def report(double: SidecarDouble) -> Report:
        one = make(double)
        return msgspec.structs.replace(one, totals=msgspec.structs.replace(one.totals, requests=counts))

    def shown() -> float:
        labels = {"namespace": KEY[0], "monitor": KEY[1], "check": "any", "result": "valid"}
        name = "llm_monitor_request_checks_total"
        return world.parts.metrics.registry.get_sample_value(name, labels) or 0.0

    monkeypatch.setattr(SidecarDouble, "report", report)
    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        for valid in (10, 20):
            counts = RequestCounts(setting="a", valid=valid)
            double.begun += 10
            await look(world, clock)
        assert shown() == 20

        counts = RequestCounts(setting="b", valid=0)
        await world.one_pass(KEY, Why.NEWS)

        assert shown() == 20


async def test_a_pass_that_is_cancelled_after_it_heard_loses_nothing(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = asyncio.Event()

    async def hangs(*_: object) -> None:
        heard.set()
        await asyncio.sleep(60)

    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        double.begun += 100
        await look(world, clock)
        monkeypatch.setattr(world.one_pass, "_watch", hangs)
        task = asyncio.create_task(world.one_pass(KEY, Why.NEWS))
        await heard.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        await world.one_pass.save_all()

    loaded = await world.parts.checkpoints.load(world.one_pass._memories[KEY].uid)
    assert loaded.state is not None
    [pod] = loaded.state.pods.values()
    assert pod.newest is not None
    assert pod.newest.figures.begun == 140


async def test_a_pass_that_fails_after_it_heard_loses_nothing_of_a_pod_that_goes(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise RuntimeError("as told")

    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        double.begun += 100
        await look(world, clock)
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(world.one_pass, "_watch", fails)
            with pytest.raises(RuntimeError):
                await world.one_pass(KEY, Why.NEWS)
    world.server.remove(f"{PODS}/chat-a")
    await until(lambda: not world.parts.view.pods(KEY[0]))

    await world.one_pass(KEY, Why.NEWS)

    assert state(world).window(600).begun == 140


async def test_a_padded_report_is_not_kept(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "encode", lambda report: encode(report) + b" " * KEPT_BYTES_LIMIT)
    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        double.begun += 5

        await look(world, clock)

        assert world.one_pass._memories[KEY].kept is None
        assert state(world).window(600).begun == 45
