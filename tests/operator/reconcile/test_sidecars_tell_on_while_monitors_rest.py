"""While a monitor rests its sidecars tell their reports in one answer; whoever does not is asked as ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from aiohttp import web
from tests.operator.reconcile import sidecar_double
from tests.operator.reconcile.operator_world import KEY, MONITORS, SIGNING, World, until
from tests.operator.reconcile.resting import Clock, let_rest, look, rested, state
from tests.operator.reconcile.sidecar_double import SidecarDouble

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.repeated import HEADER as REPEAT
from llmmonitor_api.report.repeated import LONGEST_SECONDS, Repeat
from llmmonitor_api.report.report import encode
from llmmonitor_operator.evaluate.calm import Calm
from llmmonitor_operator.reconcile import monitor_pass
from llmmonitor_operator.reconcile.loop import SHORTEST_SECONDS, SHORTEST_SHARE, at_least
from llmmonitor_operator.reconcile.rest import End, Rest
from llmmonitor_operator.reconcile.sidecars.connection import LINE_BYTES_LIMIT
from llmmonitor_operator.reconcile.sidecars.pods_memory import PodMemory
from llmmonitor_operator.reconcile.sidecars.repeating import PLAIN_SECONDS, Repeating
from llmmonitor_operator.settings import Settings
from llmmonitor_sidecar.endpoints import api, repeating
from llmmonitor_sidecar.endpoints.answer import Answer

SECONDS = 120.0
CELL = 1_800_000_000.0
"""When one begins."""


@pytest.fixture
def clock(world: World, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Each rest is as long as may be."""
    monkeypatch.setattr(monitor_pass, "end_of_rest", lambda now, *_, **__: End(now + SECONDS))
    found = let_rest(world, monkeypatch, after=20, seconds=SECONDS)
    world.parts.sidecars.repeating._clock = found
    return found


def questions(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each request for a report, from now on: `repeated` or `plain`."""
    found: list[str] = []
    make = world.parts.sidecars._for_report

    def noted(*of: object) -> bytes:
        request = make(*of)  # type: ignore[arg-type]  # passed on
        found.append("repeated" if b"Report-Repeat: " in request else "plain")
        return request

    monkeypatch.setattr(world.parts.sidecars, "_for_report", noted)
    return found


async def test_one_question_is_answered_for_the_whole_rest(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        asked, before = questions(world, monkeypatch), double.sequence

        for _ in range(6):
            double.begun += 2
            await look(world, clock)

        assert asked == ["repeated"]
        assert clock.told == 5
        pulls = "llm_monitor_operator_pulls_total"
        assert world.parts.metrics.registry.get_sample_value(pulls, {"result": "told"}) == 5
        assert double.sequence == before + 6
        for _ in range(2):
            double.begun += 2
            await look(world, clock)
        assert state(world).window(600).begun == 56, "and each request is counted once"
        assert asked == ["repeated"], "the pass that ended the rest took what was told"


async def test_what_is_told_is_judged_at_once(world: World, clock: Clock) -> None:
    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        await look(world, clock)
        double.configuration = Configuration(generation=double.configuration.generation, stop=True)
        double.begun, before = 47, double.sequence

        await look(world, clock)

        assert clock.told == 1
        assert double.sequence == before + 1, "nobody was asked again"
        assert state(world).window(600).begun == 47


async def asked_in(
    looks: int, world: World, double: SidecarDouble, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The questions of so many looks, after each of which the monitor rests on."""
    await rested(world, double, clock, SECONDS)
    found = questions(world, monkeypatch)
    for _ in range(looks):
        await look(world, clock)
        assert world.one_pass._memories[KEY].rest is not None
    return found


async def test_who_does_not_tell_in_time_is_asked_as_ever_for_a_while(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.tells_on = False
    async with world.attached() as double:
        asked = await asked_in(4, world, double, clock, monkeypatch)

        assert asked == ["repeated", "plain", "plain", "plain"]
        clock.now += PLAIN_SECONDS
        await world.one_pass(KEY)
        await rested(world, double, clock, SECONDS)
        await look(world, clock)
        assert asked[-1] == "repeated"


async def test_a_version_that_knows_nothing_of_it_is_asked_as_ever(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeating, "repeat_of", lambda _: None)
    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        asked, before = questions(world, monkeypatch), double.sequence

        for _ in range(3):
            await look(world, clock)

        assert asked == ["repeated", "plain", "plain"]
        assert double.sequence == before + 3
        assert world.one_pass._memories[KEY].rest is not None


async def test_one_that_does_not_tell_on_keeps_nobody_from_it(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is asked in each look is asked once, so that looks come when the others have told."""
    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        await look(world, clock)
        memory = world.one_pass._memories[KEY]
        assert memory.rest is not None
        [first], told_from = memory.rest.addresses, memory.rest.told_from
        async with sidecar_double.running("another", SIGNING.public_key()) as other:
            other.started_at = clock.now - 60
            second = replace(first, uid="another", port=other.port)
            calm = replace(memory.rest.calm, states=dict.fromkeys(("another", first.uid), None))
            monkeypatch.setattr(Calm, "holds", lambda *_: True)
            memory.rest = replace(memory.rest, addresses=(first, second), calm=calm)
            memory.pods.pods["another"] = PodMemory(push_at=0.0)
            asked = questions(world, monkeypatch)

            for _ in range(3):
                await look(world, clock)

            assert asked == ["plain"] * 3
            assert clock.told == 3
            assert memory.rest is not None
            assert memory.rest.told_from == told_from


@pytest.mark.parametrize("status", [400, 404, 502])
async def test_who_refuses_to_tell_on_is_asked_as_ever_for_a_while(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    def refuse(text: str) -> None:
        if text:
            raise web.HTTPException(text="no") from None

    monkeypatch.setattr(web.HTTPException, "status_code", status)
    monkeypatch.setattr(repeating, "repeat_of", refuse)
    async with world.attached() as double:
        asked = await asked_in(3, world, double, clock, monkeypatch)

        assert asked == ["repeated", "plain", "plain", "plain"]


async def test_who_breaks_off_is_asked_as_ever_for_a_while(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.attached() as double:
        give = double.repeating.give

        async def cut(
            request: web.Request, first: Answer, again: Callable[[], Answer]
        ) -> web.StreamResponse | None:
            if REPEAT in request.headers and request.transport is not None:
                request.transport.abort()
            return await give(request, first, again)

        monkeypatch.setattr(double.repeating, "give", cut)
        asked = await asked_in(3, world, double, clock, monkeypatch)

        assert asked == ["repeated", "plain", "plain", "plain"]


async def test_of_two_lines_the_newest_is_looked_at(world: World, clock: Clock) -> None:
    """A look may come an interval late."""
    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        await look(world, clock)
        for _ in range(2):
            double.begun += 3
            await world.told_on()
        clock.tells_on = False

        await look(world, clock, 30.0)

        assert world.one_pass._memories[KEY].rest is not None
        assert _requests_begun(world) == 46
        await world.one_pass(KEY)
        assert state(world).window(600).begun == 46


def _requests_begun(world: World) -> float | None:
    labels = {"namespace": KEY[0], "monitor": KEY[1]}
    return world.parts.metrics.registry.get_sample_value("llm_monitor_requests_begun_total", labels)


async def test_a_cell_of_five_minutes_begins_with_a_question(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.now += 200  # 80 s before it ends
    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        asked = questions(world, monkeypatch)

        for _ in range(7):
            double.begun += 1
            await look(world, clock)

        assert asked == ["repeated", "plain", "repeated"], "the plain one 5 s before it ended"
        assert clock.told == 4, "3 before it, and 1 after it ended"
        cells = [state(world).figures[1].get(int(clock.now // 300) - back) for back in (1, 0)]
        assert [cell.unpacked().begun if cell else 0 for cell in cells] == [45, 0]
        assert _requests_begun(world) == 47


async def test_a_line_that_is_too_long_is_asked_for_and_judged_at_once(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        await look(world, clock)
        monkeypatch.setattr(api, "encode", lambda report: encode(report) + b" " * LINE_BYTES_LIMIT)
        clock.tells_on, double.begun = False, 43
        await until(double.repeating.is_waiting)
        double.repeating.go_on()
        await until(lambda: not world.parts.sidecars._connections._going_on)

        await look(world, clock)

        assert state(world).window(600).begun == 43


async def test_another_pods_report_is_not_taken(world: World, clock: Clock) -> None:
    """Its address may be another's by now, whose sidecar was asked by somebody else."""
    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        await look(world, clock)
        double.begun, double.pod_uid = 1000, "another"

        await look(world, clock)

        assert clock.told == 1
        assert state(world).window(600).begun == 40
        known = world.one_pass._memories[KEY].pods.of(next(iter(state(world).pods)))
        assert "another" in known.unreachable


async def test_a_change_is_pushed_beside_what_is_told_which_says_that_it_is_in_force(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        await look(world, clock)
        asked, taken = questions(world, monkeypatch), double.configurations_taken
        chat = world.server.at(f"{MONITORS}/chat")
        metadata, spec = chat["metadata"] | {"generation": 2}, {"sampling": {"resourceInterval": "2s"}}
        world.parts.monitors.take({**chat, "metadata": metadata, "spec": chat["spec"] | spec})

        await world.one_pass.push_change(KEY)

        assert double.configurations_taken == taken + 1
        double.begun += 3
        await look(world, clock)
        assert state(world).window(600).begun == 43, "another configuration: a pass, by what was told"
        assert (asked, clock.told) == ([], 1)
        await look(world, clock)
        assert asked == ["repeated"], "over the connection of the change"


async def test_a_pass_ends_what_is_told(world: World, clock: Clock) -> None:
    async with world.attached() as double:
        await rested(world, double, clock, SECONDS)
        await look(world, clock)
        double.begun += 3

        await world.one_pass(KEY)

        assert state(world).window(600).begun == 43
        assert world.parts.sidecars._connections._going_on == {}


async def test_the_gone_are_forgotten(world: World) -> None:
    found = Repeating(world.parts.sidecars._connections, lambda: CELL)
    for uid in ("here", "gone"):
        found.begin(uid, "1.boot", 9)
        found.failed(uid)
        found.begin(f"{uid} too", "1.boot", 9)

    found.forget_but({"here", "here too"})

    assert (set(found._more), set(found._plain_until)) == ({"here too"}, {"here"})


def resting(*, end: float, interval: float = 15.0, told_from: float | None = CELL) -> Rest:
    calm = Calm(Settings(), {}, for_requests=False, states={})
    return Rest(calm, End(CELL + end), interval, (), {}, told_from=told_from)


@pytest.mark.parametrize(
    ("rest", "after", "times"),
    [
        (resting(end=240), 0, 18),
        (resting(end=240), 1, 17),
        (resting(end=100), 0, 8),
        (resting(end=20), 0, 3),
        (resting(end=14), 0, 2),
        (resting(end=20), 30, None),
        (resting(end=400), 200, 7),  # a cell ends at 300
        (resting(end=400), 281, None),
        (resting(end=400), 299.9, None),
        (resting(end=500), 300, 15),
        (resting(end=240, interval=5), 0, 50),
        (resting(end=240, interval=7.5), 0, None),
        (resting(end=240, interval=4), 0, None),
    ],
)
def test_it_is_asked_for_until_another_question_is_due(rest: Rest, after: float, times: int | None) -> None:
    wish = rest.repeat(CELL + after)

    assert wish == (None if times is None else Repeat(times, int(rest.interval)))
    assert wish is None or wish.seconds <= LONGEST_SECONDS


@pytest.mark.parametrize(
    ("after", "seconds"), [(0.0, 15.5), (15.5, 15.0), (16.3, 14.2), (45.9, 14.6), (-7.5, 8.0), (-1e6, 10.5)]
)
def test_looks_come_after_what_is_told(after: float, seconds: float) -> None:
    assert resting(end=240).told_in_seconds(CELL + after) == pytest.approx(seconds)


def test_looks_at_those_that_do_not_tell_on_come_as_ever() -> None:
    assert resting(end=240, told_from=None).told_in_seconds(CELL) is None


@pytest.mark.parametrize("spent", [0.01, 0.4, 2.0])
def test_a_pass_that_must_not_come_too_early_does_not(spent: float) -> None:
    """By what the loop makes of it: a pause after each pass, and a share of the rest of the wait."""
    wait = at_least(15.5, spent) - spent

    for share in (SHORTEST_SHARE, 1.0):
        after = max(0.0, SHORTEST_SECONDS - spent) + share * wait
        assert 15.499 <= after <= 15.5 / SHORTEST_SHARE
