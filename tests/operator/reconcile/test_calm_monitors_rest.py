"""While all is calm sidecars are asked as ever and judged more seldom; nothing that they say is lost."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from tests.operator.reconcile.operator_world import KEY, MONITORS, PODS, World, until
from tests.operator.reconcile.resting import Clock, let_rest, look, rested, state
from tests.operator.reconcile.sidecar_double import SidecarDouble

from llmmonitor_api.report.glance import Glance, GlancedObjective, GlancedTotals, glance
from llmmonitor_api.report.report import Identity, InterceptionState, Live, Report, encode
from llmmonitor_api.report.totals import Totals
from llmmonitor_operator.evaluate.calm import Calm
from llmmonitor_operator.keys.keyring import SigningKey
from llmmonitor_operator.process_settings import LONGEST_REST_SECONDS
from llmmonitor_operator.reconcile import monitor_pass
from llmmonitor_operator.reconcile.loop import SHORTEST_SECONDS, SHORTEST_SHARE, Why
from llmmonitor_operator.reconcile.monitor_pass import MonitorPass
from llmmonitor_operator.reconcile.rest import LONGEST_INTERVAL_SECONDS, End, Kept, Rest, end_of_rest
from llmmonitor_operator.reconcile.sidecars.heard import Heard
from llmmonitor_operator.settings import Settings
from llmmonitor_operator.windows import FIGURE_TIERS, FINEST

SECONDS = 60.0


@pytest.fixture(params=["asked", "told"])
def clock(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A minute after the last cell of five began."""
    found = let_rest(world, monkeypatch, after=60, seconds=SECONDS)
    found.tells_on = request.param == "told"
    return found


async def resting(world: World, double: SidecarDouble, clock: Clock) -> None:
    """For a minute."""
    await rested(world, double, clock, SECONDS)


async def test_a_look_asks_and_judges_nothing(world: World, clock: Clock) -> None:
    async with world.attached() as double:
        await resting(world, double, clock)
        before, asked = state(world), double.sequence
        double.begun += 3

        due = await look(world, clock)

        assert double.sequence == asked + 1
        assert state(world) is before
        assert due is not None
        assert 15.5 <= SHORTEST_SECONDS + SHORTEST_SHARE * due < 16, "after it has told again"


async def test_by_default_each_report_is_judged_when_it_comes(world: World, clock: Clock) -> None:
    world.one_pass = MonitorPass(
        replace(world.parts, settings=replace(world.parts.settings, rest_seconds=0.0)), clock
    )
    async with world.attached() as double:
        double.begun = 40
        await world.passed()
        await world.namespace_pass.look()
        await world.passed()
        double.begun += 3

        await look(world, clock)

        assert state(world).window(600).begun == 43


async def test_what_looks_have_seen_is_counted_once_by_the_pass_that_ends_the_rest(
    world: World, clock: Clock
) -> None:
    async with world.attached() as double:
        await resting(world, double, clock)
        for _ in range(3):
            double.begun += 3
            await look(world, clock)
        assert state(world).window(600).begun == 40

        double.begun += 3
        await look(world, clock)

        assert state(world).window(600).begun == 52
        [pod] = state(world).pods.values()
        assert pod.newest is not None
        assert pod.newest.figures.begun == 52
        assert world.one_pass._memories[KEY].kept is None


async def test_what_is_not_calm_is_judged_at_once_and_asked_for_once(world: World, clock: Clock) -> None:
    async with world.attached() as double:
        await resting(world, double, clock)
        await look(world, clock)
        double.begun, asked = 47, double.sequence
        double.configuration = type(double.configuration)(
            generation=double.configuration.generation, stop=True
        )

        await look(world, clock)

        assert double.sequence == asked + 1
        assert state(world).window(600).begun == 47
        conditions = world.server.at(f"{MONITORS}/chat")["status"]["conditions"]
        [reading] = [one for one in conditions if one["type"] == "Intercepting"]
        assert reading["reason"] == "NotConfigured"


async def test_a_change_of_anything_else_ends_the_rest(world: World, clock: Clock) -> None:
    async with world.attached() as double:
        await resting(world, double, clock)
        await look(world, clock)
        double.begun += 3
        clock.now += 5

        await world.one_pass(KEY, Why.NEWS)

        assert state(world).window(600).begun == 43


async def test_what_an_owner_says_by_an_annotation_ends_the_rest(world: World, clock: Clock) -> None:
    async with world.attached() as double:
        await resting(world, double, clock)
        chat = world.server.at(f"{MONITORS}/chat")
        chat["metadata"]["annotations"] = {"llmmonitor.io/drift-accepted": "2026-11-27"}
        world.parts.monitors.take(chat)
        double.begun += 3

        await look(world, clock)

        assert state(world).window(600).begun == 43


async def test_another_signing_key_ends_the_rest(world: World, clock: Clock) -> None:
    async with world.attached() as double:
        await resting(world, double, clock)
        keys = world.parts.sidecars.keys
        world.parts.sidecars.keys = replace(keys, next=SigningKey.new())

        await look(world, clock)

        assert len(double.keys) == 2, "it is told without waiting for the end of the rest"


async def test_what_a_pod_said_last_is_counted_though_it_is_gone(world: World, clock: Clock) -> None:
    async with world.attached() as double:
        await resting(world, double, clock)
        double.begun += 5
        await look(world, clock)
    world.server.remove(f"{PODS}/chat-a")
    await until(lambda: not world.parts.view.pods(KEY[0]))

    await world.one_pass(KEY, Why.NEWS)

    assert state(world).window(600).begun == 45


async def test_what_a_sidecar_said_last_is_counted_though_it_answers_no_more(
    world: World, clock: Clock
) -> None:
    async with world.attached() as double:
        await resting(world, double, clock)
        double.begun += 5
        await look(world, clock)

    await look(world, clock)

    assert state(world).window(600).begun == 45
    assert world.one_pass._memories[KEY].rest is None


async def test_what_a_sidecar_said_before_it_began_anew_is_counted(world: World, clock: Clock) -> None:
    async with world.attached() as double:
        await resting(world, double, clock)
        double.begun += 5
        await look(world, clock)
        double.boot_id, double.sequence, double.started_at, double.begun = "another", 0, clock.now, 2

        await look(world, clock)

        assert state(world).window(600).begun == 47


async def test_counters_at_a_scrape_have_what_the_last_look_saw(world: World, clock: Clock) -> None:
    async with world.attached() as double:
        await resting(world, double, clock)
        seen = []
        for more in (5, 2):
            double.begun += more
            await look(world, clock)
            seen.append(_requests_begun(world))
        await world.one_pass(KEY)

        assert [*seen, _requests_begun(world)] == [45, 47, 47]


def _requests_begun(world: World) -> float | None:
    labels = {"namespace": KEY[0], "monitor": KEY[1]}
    return world.parts.metrics.registry.get_sample_value("llm_monitor_requests_begun_total", labels)


async def test_what_was_said_before_five_minutes_ended_is_counted_in_them(world: World, clock: Clock) -> None:
    async with world.attached() as double:
        clock.now = clock.now // 300 * 300 + 279
        await resting(world, double, clock)
        double.begun += 5
        await look(world, clock)  # 294 s
        double.begun += 2

        await look(world, clock)  # 309 s
        assert world.one_pass._memories[KEY].rest is not None
        await world.one_pass(KEY)

        ended, new = (state(world).figures[1][int(clock.now // 300) - back].unpacked() for back in (1, 0))
        assert (ended.begun, new.begun) == (45, 2)
        assert _requests_begun(world) == 47


async def test_what_was_said_last_is_saved_before_the_process_ends(world: World, clock: Clock) -> None:
    async with world.attached() as double:
        await resting(world, double, clock)
        double.begun += 5
        await look(world, clock)

        await world.one_pass.save_all()

    loaded = await world.parts.checkpoints.load(world.one_pass._memories[KEY].uid)
    assert loaded.state is not None
    [pod] = loaded.state.pods.values()
    assert pod.newest is not None
    assert pod.newest.figures.begun == 45


async def test_another_leader_counts_what_was_kept_once(world: World, clock: Clock) -> None:
    async with world.attached() as double:
        await resting(world, double, clock)
        await world.one_pass.save_all()
        double.begun += 5
        await look(world, clock)
        world.one_pass = MonitorPass(world.parts, clock)  # the one before was killed
        double.begun += 2

        await world.passed()

        assert state(world).window(600).begun == 47


REST = Rest(Calm(Settings(), {}, for_requests=False, states={}), End(1000.0), 15.0, (), {})


@pytest.mark.parametrize(
    ("now", "over"),
    [
        (1000 - SECONDS, False),
        (999.9, False),
        (1000.0, True),
        (999.0 - LONGEST_REST_SECONDS, True),
        (1e9, True),
    ],
)
def test_a_rest_is_over_in_its_time_and_when_the_clock_is_put_back(now: float, *, over: bool) -> None:
    assert REST.is_over(now) is over


GLANCE = Glance(
    identity=Identity("uid", "pod", "boot", 1.0, 1, "0.1.0", 1),
    totals=GlancedTotals(),
    live=Live(),
    interception=InterceptionState("transparent", reading=True),
)
BUDGET = Calm(Settings(), {"errors": 0.05}, for_requests=False, states={})


def test_what_went_well_before_hides_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Calm, "holds", lambda *_: True)
    rest: Rest | None = replace(REST, calm=BUDGET)

    looks = [(400, 0, True), (800, 0, True), (820, 2, True), (700, 0, True), (820, 2, True), (820, 22, False)]
    for good, bad, goes_on in looks:
        assert rest is not None
        totals = GlancedTotals(objectives={"errors": GlancedObjective(good, bad)})
        rest = rest.after({"uid": Heard(msgspec.structs.replace(GLANCE, totals=totals), b"")})
        assert (rest is not None) is goes_on, (good, bad)


async def test_after_a_rest_that_only_waited_for_figures_the_next_has_any_length(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.attached() as double:
        lengths: list[bool] = []

        def end(now: float, seconds: float, _: float, *, goes_on: bool) -> End:
            lengths.append(goes_on)
            return End(now + seconds)

        monkeypatch.setattr(monitor_pass, "end_of_rest", end)
        for for_figures in (True, False):
            await resting(world, double, clock)
            memory = world.one_pass._memories[KEY]
            assert memory.rest is not None
            memory.rest = replace(memory.rest, end=End(clock.now + 5, for_figures=for_figures))
            lengths.clear()

            await look(world, clock)

            assert lengths == [not for_figures]


def test_the_finest_histograms_take_what_came_in_the_longest_rest() -> None:
    assert FIGURE_TIERS[FINEST].reach_seconds > 2 * (LONGEST_REST_SECONDS + LONGEST_INTERVAL_SECONDS)


def test_monitors_that_were_judged_at_once_are_soon_judged_at_any_time() -> None:
    ends = sorted(end_of_rest(1000.0, SECONDS, 0.0, goes_on=False).at - 1000.0 for _ in range(1000))

    assert 0 <= ends[0] < 5
    assert 25 < ends[500] < 35
    assert SECONDS - 5 < ends[-1] <= SECONDS
    assert 1057 <= end_of_rest(1000.0, SECONDS, 0.0, goes_on=True).at <= 1060


def test_what_is_to_be_written_is_not_slept_over() -> None:
    assert end_of_rest(1000.0, SECONDS, 1010.0, goes_on=True) == End(1010.0, for_figures=True)


@pytest.mark.parametrize("wait_until", [0.0, 999.0, 1061.0])
def test_what_waits_for_less_or_for_longer_ends_no_rest(wait_until: float) -> None:
    end = end_of_rest(1000.0, SECONDS, wait_until, goes_on=True)

    assert end.at >= 1057
    assert not end.for_figures


def test_of_what_cannot_be_read_in_full_nothing_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    """A look leaves histograms unread; what is wrong in them must not end a pass."""
    well = Report(GLANCE.identity, 1000.0, 1.0, Totals(), GLANCE.live, GLANCE.interception)
    plain = msgspec.json.decode(encode(well))
    half = msgspec.json.encode({**plain, "totals": {"traffic": {"one": {"duration": "garbage"}}}})
    assert glance(half).identity == well.identity

    kept = Kept(1000.0, {"well": encode(well), "half": half})

    assert kept.reports() == {"well": well}
    assert "pod UID half" in caplog.text
