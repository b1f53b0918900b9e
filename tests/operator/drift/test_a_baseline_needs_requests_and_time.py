from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.drift.traffic import FEATURES, HOUR, SETTINGS, Monitored, Traffic, learnt

from llmmonitor_api.report.features import OTHER, PARAMETERS, PROMPT_TOKENS, FeatureCounts, bucket_of
from llmmonitor_operator.drift.baseline import (
    CELL_CATEGORIES_LIMIT,
    GROWS_SECONDS,
    KEPT_LIMIT,
    VISITS,
    Baseline,
    Expected,
    grown,
)
from llmmonitor_operator.drift.judge import learn
from llmmonitor_operator.drift.watch import Watch, accepted, stepped
from llmmonitor_operator.drift.window import CATEGORIES_LIMIT, Window, folded, joined, packed, unpacked


def at(hour: float, buckets: dict[int, int]) -> Window:
    """A window of the hour since 1970."""
    return Window(hour * HOUR, (hour + 0.5) * HOUR, sum(buckets.values()), {PROMPT_TOKENS: buckets})


def test_scores_are_provisional_until_there_are_both() -> None:
    quick, slow = Monitored(Traffic(1)), Monitored(Traffic(1))

    of_an_hour = quick.let(59, seconds=60.0)
    of_a_week = slow.let(20, seconds=9 * HOUR)

    for watch in (of_an_hour, of_a_week):
        assert not watch.judging
        assert watch.tracks[PROMPT_TOKENS].score.threshold is None
        assert watch.tracks[PROMPT_TOKENS].score.psi > 0
    assert of_an_hour.baseline_windows == 1  # no more than one an hour, however many there are
    assert learnt().let(1).judging


def test_what_is_unusual_does_not_become_usual() -> None:
    one = learnt()
    one.traffic.code = 0.5
    before = one.baseline.taken_in

    watch = one.let(48)

    assert watch.alarms
    assert one.baseline.taken_in == before


def test_a_baseline_stands_after_eight_weeks_and_keeps_few_windows_of_all_the_time() -> None:
    baseline, hour = Baseline(), 490_000
    while baseline.seconds < GROWS_SECONDS or not baseline.windows:
        baseline = grown(baseline, at(hour, {5: 500}), usual=True)
        hour += 1
        assert len(baseline.kept) <= KEPT_LIMIT

    assert grown(baseline, at(hour, {5: 500}), usual=True) is baseline
    assert min(baseline.visits.values()) >= VISITS
    begins = [unpacked(one).begin for one in baseline.kept]
    gaps = {round((later - earlier) / HOUR) for earlier, later in pairwise(begins)}
    assert gaps == {baseline.stride}
    assert len(msgspec.msgpack.encode(baseline)) < 64 * 1024


def test_what_is_expected_at_an_hour_is_that_hours_after_eight_visits() -> None:
    monday, weeks = 24 * 4, 168  # 1970-01-05
    baseline = Baseline()
    for week in range(1, VISITS + 1):
        for hour in range(weeks):
            rush = hour == 9
            window = at(week * weeks + monday + hour, {8: 500} if rush else {2: 500})
            baseline = grown(baseline, window, usual=True)
            if week == 1 and rush:
                early = baseline
    hour = (monday + 9) % weeks

    alone = Expected(baseline).reference(PROMPT_TOKENS, hour)
    anywhen = Expected(baseline).reference(PROMPT_TOKENS, None)
    first = Expected(early).reference(PROMPT_TOKENS, hour)

    assert alone is not None
    assert alone.shares.get(2, 0) == pytest.approx(0)
    assert anywhen is not None
    assert anywhen.shares[8] == pytest.approx(1 / weeks)
    assert first is not None
    assert 1 / VISITS < first.shares[8] < 0.4


def test_a_window_is_compared_with_all_but_itself() -> None:
    baseline = Baseline()
    for hour in range(490_000, 490_050):
        baseline = grown(baseline, at(hour, {2: 500}), usual=True)
    odd = at(490_050, {9: 500})
    baseline = grown(baseline, odd, usual=True)

    reference = Expected(baseline).reference(PROMPT_TOKENS, odd.hour, without=odd)

    assert reference is not None
    assert reference.shares == {2: 1.0}


def test_another_size_of_windows_is_another_baseline() -> None:
    one = learnt()
    full = joined(Window(), one.traffic.counts(1000), one.now, one.now + HOUR)
    one.watch = msgspec.structs.replace(one.watch, open=full)

    watch, baseline = stepped(one.watch, one.baseline, replace(SETTINGS, window=1000))

    assert (baseline.window, baseline.taken_in) == (1000, 1)
    assert not watch.judging
    assert watch.tracks == {}


def test_what_is_accepted_is_learnt_anew() -> None:
    one = learnt()
    one.traffic.code = 0.5
    assert one.let(3).alarms

    one.watch, one.baseline = accepted("2027-01-01T00:00:00Z")
    one.let(7 * 24 + 1)
    watch = one.let(24)

    assert watch.judging
    assert watch.alarms == ()
    assert one.baseline.accepted == "2027-01-01T00:00:00Z"


def test_what_is_learnt_is_the_same_after_it_was_kept_as_bytes() -> None:
    one = learnt()
    back = msgspec.msgpack.decode(msgspec.msgpack.encode(one.baseline), type=Baseline)

    assert learn(back, FEATURES) == learn(one.baseline, FEATURES)
    assert stepped(Watch(), back, SETTINGS) == (Watch(), back)


@given(
    st.dictionaries(st.sampled_from(FEATURES), st.dictionaries(st.integers(-1, 61), st.integers(1, 10**6))),
    st.dictionaries(
        st.integers(0, 127), st.dictionaries(st.integers(0, 61), st.integers(1, 10**6), min_size=1)
    ),
)
def test_windows_come_back_from_bytes(
    counts: dict[str, dict[int, int]], completions: dict[int, dict[int, int]]
) -> None:
    window = Window(1.5, 2.5, 500, counts, completions)

    assert unpacked(packed(window)) == window


def test_the_rarest_categories_become_other() -> None:
    buckets = {code: 100 - code for code in range(CATEGORIES_LIMIT + 5)}

    kept = folded(buckets)

    assert len(kept) == CATEGORIES_LIMIT + 1
    assert sum(kept.values()) == sum(buckets.values())
    assert kept[OTHER] == sum(100 - code for code in range(CATEGORIES_LIMIT, CATEGORIES_LIMIT + 5))


def test_what_clients_think_of_fills_no_baseline() -> None:
    baseline = Baseline()
    for hour in range(60):
        odd = {PARAMETERS: {1: 400} | {1000 * hour + code: 5 for code in range(2, 22)}}
        window = Window((490_000 + hour) * HOUR, (490_000.5 + hour) * HOUR, 500, odd)
        baseline = grown(baseline, window, usual=True)

    learnt_from = learn(baseline, [PARAMETERS])

    assert len(Expected(baseline).everything.counts[PARAMETERS]) == CELL_CATEGORIES_LIMIT + 1
    assert learnt_from.nulls[PARAMETERS].mean > 0


def test_features_of_a_later_sidecar_are_left_out() -> None:
    window = joined(Window(), FeatureCounts(1, {"Smell": {1: 1}, PROMPT_TOKENS: {3: 1}}), 0.0, 1.0)

    assert window.counts == {PROMPT_TOKENS: {3: 1}}


def test_a_window_joins_what_replicas_report_in_any_order() -> None:
    parts = [FeatureCounts(2, {PROMPT_TOKENS: {bucket_of(n): 2}}, {3: {n: 2}}) for n in (1, 50, 700)]
    one = other = Window()
    for part in parts:
        one = joined(one, part, 10.0, 25.0)
    for part in reversed(parts):
        other = joined(other, part, 10.0, 25.0)

    assert one == other
    assert (one.requests, one.begin, one.end) == (6, 10.0, 25.0)
