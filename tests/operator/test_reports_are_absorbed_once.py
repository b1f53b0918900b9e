from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmmonitor_api.report.report import Identity, InterceptionState, Live, Report, Resources
from llmmonitor_api.report.totals import ObjectiveCounts, Totals, TrafficSeries
from llmmonitor_operator.gather import absorb as absorbing
from llmmonitor_operator.gather.absorb import absorb, absorb_all, added_by
from llmmonitor_operator.state import State
from llmmonitor_operator.windows import COUNT_TIERS, Count

NOW = 1_800_000_000.0


def report(  # noqa: PLR0913 - a report's parts, each with a default
    sequence: int,
    *,
    at: float | None = None,
    uid: str = "u",
    boot: str = "b",
    started_at: float = NOW,
    good: int | None = None,
    bad: int = 0,
    generation: int = 1,
    oom_kills: int = 0,
    begun: int | None = None,
) -> Report:
    """By default the `sequence`-th report of a sidecar that is asked every 15 s and sees 10 good requests."""
    good = 10 * sequence if good is None else good
    series = TrafficSeries("chat", "openai", "m", "m", stream=True, outcomes={"ok": good} if good else {})
    if good:
        series.time_to_first_token.record(0.25, good)
    return Report(
        identity=Identity(uid, f"pod-{uid}", boot, started_at, sequence, "0.1.0", generation),
        at=started_at + 15 * sequence if at is None else at,
        uptime_seconds=15.0 * sequence,
        totals=Totals(
            begun=good + bad if begun is None else begun,
            traffic={"s": series},
            objectives={"o": ObjectiveCounts("o", "ErrorRate", "", good, bad)},
        ),
        live=Live(),
        interception=InterceptionState("listen", reading=True),
        resources=Resources(processes_visible=True, oom_kills=oom_kills),
    )


def test_a_report_read_twice_adds_nothing() -> None:
    state = absorb(State(), report(1), NOW + 15)

    again = absorb(state, report(1), NOW + 20)

    assert again is state
    assert state.count("o", 60) == Count(10, 0)
    assert state.window(60).begun == 10


def test_only_what_is_new_since_the_last_report_is_added() -> None:
    state = absorb(State(), report(1), NOW + 15)

    state = absorb(state, report(2, bad=3), NOW + 30)

    assert state.count("o", 60) == Count(20, 3)
    assert state.window(60).time_to_first_token.count == 20


def test_an_overtaken_report_adds_nothing_because_the_later_one_held_it() -> None:
    state = absorb(absorb(State(), report(1), NOW + 15), report(3), NOW + 45)

    assert absorb(state, report(2), NOW + 46) is state


def test_a_new_boot_counts_from_zero_and_what_was_missed_is_said() -> None:
    state = absorb(State(), report(2), NOW + 30)

    state = absorb(state, report(1, boot="b2", started_at=NOW + 40), NOW + 55)

    assert state.count("o", 300) == Count(30, 0)
    assert state.pods["u"].restarts == 1
    assert state.pods["u"].lost_seconds == 10  # from the last report at +30 to the start at +40


def test_a_late_report_of_the_life_before_is_still_added_and_shortens_the_loss() -> None:
    state = absorb(State(), report(1), NOW + 15)
    state = absorb(state, report(1, boot="b2", started_at=NOW + 40), NOW + 55)
    assert state.pods["u"].lost_seconds == 25

    state = absorb(state, report(2), NOW + 56)

    assert state.count("o", 300) == Count(30, 0)
    assert state.pods["u"].lost_seconds == 10
    newest = state.pods["u"].newest
    assert newest is not None
    assert newest.boot_id == "b2"


def test_a_life_older_than_any_remembered_is_not_counted_anew() -> None:
    state = State()
    for life in range(absorbing.BOOTS_LIMIT + 1):
        state = absorb(state, report(1, boot=f"b{life}", started_at=NOW + 20 * life), NOW + 20 * life + 15)

    assert absorb(state, report(1, boot="b0"), NOW + 200) is state
    assert len(state.pods["u"].boots) == absorbing.BOOTS_LIMIT


def test_a_report_of_another_pod_is_refused() -> None:
    state = absorb(State(), report(1, uid="impostor"), NOW + 15, pod_uid="u")

    assert state.count("o", 60) == Count()
    assert "impostor" in state.pods["u"].refused
    assert "impostor" not in state.pods


def test_counters_that_went_back_are_refused_with_the_reason() -> None:
    state = absorb(State(), report(1, good=10), NOW + 15)

    refused = absorb(state, report(2, good=9), NOW + 30)

    assert refused.counts == state.counts
    assert "smaller counters" in refused.pods["u"].refused
    assert absorb(refused, report(3, good=11), NOW + 45).pods["u"].refused == ""


def test_an_objective_that_went_back_is_refused_unless_the_configuration_changed() -> None:
    state = absorb(State(), report(1, good=10, bad=5, begun=15), NOW + 15)

    refused = absorb(state, report(2, good=10, bad=4, begun=29), NOW + 30)
    reconfigured = absorb(state, report(2, good=10, bad=4, begun=29, generation=2), NOW + 30)

    assert "objective o has 10 good and 4 bad events after 10 and 5" in refused.pods["u"].refused
    assert reconfigured.count("o", 60) == Count(20, 9)


def test_a_long_silence_of_the_reader_is_no_burst_at_its_end() -> None:
    state = absorb(State(), report(1, good=0), NOW + 15)

    state = absorb(state, report(2, at=NOW + 7215, good=7200, bad=720), NOW + 7215)

    assert state.count("o", 7200) == Count(7200, 720)
    assert state.count("o", 60).good == pytest.approx(60, abs=6)
    assert state.window(600).begun == 0
    assert state.window(86_400).begun == 7920
    assert state.window_begin(600) == NOW + 7215


def test_a_clock_ahead_of_ours_counts_as_now() -> None:
    state = absorb(State(), report(1, at=NOW + 10_000), NOW + 15)

    assert state.newest_at == NOW + 15
    assert state.count("o", 60) == Count(10, 0)


def test_a_kill_for_memory_is_noticed_only_when_the_count_grows() -> None:
    state = absorb(State(), report(1, oom_kills=3), NOW + 15)
    assert state.pods["u"].oom_killed_at is None

    state = absorb(state, report(2, oom_kills=4), NOW + 30)

    assert state.pods["u"].oom_killed_at == NOW + 30


def test_pods_unheard_of_for_a_day_are_forgotten_and_never_counted_twice() -> None:
    state = absorb(State(), report(1), NOW + 15)
    later = NOW + absorbing.FORGET_AFTER_SECONDS + 100
    state = absorb(state, report(1, uid="v", started_at=later - 15), later)
    assert set(state.pods) == {"v"}

    back = absorb(state, report(7000, at=later), later)
    on = absorb(back, report(7001, at=later + 15), later + 15)

    assert back.count("o", 60) == state.count("o", 60)
    assert on.count("o", 60).total - back.count("o", 60).total == 10


def test_cells_older_than_their_tier_are_dropped() -> None:
    state = State()
    for sequence in range(1, 400):
        state = absorb(state, report(sequence), NOW + 15 * sequence)

    for tier, cells in zip(COUNT_TIERS, state.counts, strict=True):
        assert len(cells["o"]) <= tier.cells
    assert state.count("o", 6000) == Count(3990, 0)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Report], list[Report]]:
    """Reports of up to five pods in order, and the same in any order over pods, some of them twice."""
    streams = []
    for pod in range(draw(st.integers(1, 5))):
        good, bad, stream = 0, 0, []
        for sequence in range(1, draw(st.integers(1, 6)) + 1):
            good += draw(st.integers(0, 500))
            bad += draw(st.integers(0, 50))
            stream.append(report(sequence, uid=f"u{pod}", good=good, bad=bad))
        streams.append(stream)
    ordered = [one for stream in streams for one in stream]
    rng = random.Random(draw(st.integers(0, 2**32)))
    mixed: list[Report] = []
    waiting = [list(stream) for stream in streams]
    while any(waiting):
        stream = rng.choice([one for one in waiting if one])
        mixed.append(stream.pop(0))
        if rng.random() < 0.3:
            mixed.append(rng.choice(mixed))
    return ordered, mixed


@given(deliveries())
@settings(max_examples=60, deadline=None)
def test_sources_in_any_order_and_reports_repeated_give_the_same_state(
    orders: tuple[list[Report], list[Report]],
) -> None:
    ordered, mixed = orders
    by_pod, by_chance = State(), State()

    for one in ordered:
        by_pod = absorb(by_pod, one, NOW + 100)
    for one in mixed:
        by_chance = absorb(by_chance, one, NOW + 100)

    assert _comparable(by_chance) == _comparable(by_pod)


@given(deliveries(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_any_order_at_all_counts_every_event_once(
    orders: tuple[list[Report], list[Report]], rng: random.Random
) -> None:
    ordered, _ = orders
    shuffled = ordered * 2
    rng.shuffle(shuffled)
    state = State()

    for one in shuffled:
        state = absorb(state, one, NOW + 100)

    last = {one.identity.pod_uid: one.totals.objectives["o"] for one in ordered}
    expected = Count(sum(one.good for one in last.values()), sum(one.bad for one in last.values()))
    assert state.count("o", 300) == expected
    assert state.window(600).begun == expected.total


@pytest.mark.parametrize("seconds", [15, 44, 57.5, 60.3, 75])
def test_a_rate_is_over_the_time_in_which_it_was_counted(seconds: float) -> None:
    state, ended = State(), 0
    for number in range(1, 12):
        now = NOW + number * seconds
        ended = round(10 * number * seconds)
        state = absorb(state, report(number, at=now, good=ended), now)
        begin = state.window_begin(300)
        assert begin is not None

        rate = state.window(300).ended / (now - begin)

        assert rate == pytest.approx(10, rel=0.002)


_ANSWERS, _SILENT = (40, 4, 0.0, True), (40, 4, 0.0, False)


@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(0, 14), st.booleans()),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=8,
    )
)
@example([[_ANSWERS] * 3] * 3 + [[_SILENT, _ANSWERS, _ANSWERS], [_ANSWERS] * 3])
@settings(max_examples=60, deadline=None)
def test_reports_of_one_pass_give_what_each_alone_would(
    passes: list[list[tuple[int, int, float, bool]]],
) -> None:
    together = one_by_one = State()
    counted = [Count()] * 3
    for number, pods in enumerate(passes, 1):
        reports = {}
        for pod, (good, bad, late, answers) in enumerate(pods):
            if answers:
                counted[pod] += Count(good, bad)
                at, (all_good, all_bad) = NOW + 15 * number + late, msgspec.structs.astuple(counted[pod])
                reports[f"u{pod}"] = report(number, uid=f"u{pod}", at=at, good=all_good, bad=all_bad)
        now = NOW + 15 * (number + 1)
        foretold = added_by(together, reports, now)
        together, news = absorb_all(together, reports, now)
        assert foretold == news
        for one in reports.values():
            one_by_one = absorb(one_by_one, one, now)

    assert _comparable(together) == _comparable(one_by_one)


def _comparable(state: State) -> dict[str, Any]:
    return msgspec.structs.asdict(state)
