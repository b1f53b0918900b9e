from __future__ import annotations

import math
import random

import pytest
from tests.operator.drift.traffic import FEATURES, Traffic, learnt

from llmmonitor_api.report.features import (
    COMPLETION_TOKENS,
    LARGEST_BUCKET,
    PARAMETERS,
    PROMPT_TOKENS,
    FeatureCounts,
    bucket_of,
)
from llmmonitor_operator.distributions.gamma import chi_squared_quantile, log_upper_tail, upper_quantile
from llmmonitor_operator.drift.index import Index, Reference, index
from llmmonitor_operator.drift.judge import GIVEN_INPUT
from llmmonitor_operator.drift.null import WINDOWS_NEEDED, fitted


class WithoutParameters(Traffic):
    """Requests that nobody could read."""

    def counts(self, requests: int) -> FeatureCounts:
        counts = super().counts(requests)
        del counts.counts[PARAMETERS]
        return counts


@pytest.mark.parametrize(
    ("probability", "degrees", "known"),
    [(0.05, 1, 3.841459), (0.001, 10, 29.588298), (0.5, 100, 99.334129), (0.99, 5, 0.554298)],
)
def test_quantiles_are_those_of_the_tables(probability: float, degrees: int, known: float) -> None:
    assert chi_squared_quantile(probability, degrees) == pytest.approx(known, rel=1e-6)


@pytest.mark.parametrize("shape", [0.2, 1.0, 7.5, 300.0])
@pytest.mark.parametrize("probability", [0.9, 0.05, 1e-9])
def test_quantiles_undo_tails(shape: float, probability: float) -> None:
    tail = log_upper_tail(upper_quantile(probability, shape), shape)

    assert tail == pytest.approx(math.log(probability), rel=1e-9, abs=1e-9)


def test_a_bucket_is_half_an_octave() -> None:
    buckets = [bucket_of(value) for value in (0, 1, 2, 3, 4, 5, 6, 8, 11, 12, 16, 2**40)]

    assert buckets == [0, 1, 3, 4, 5, 5, 6, 7, 7, 8, 9, LARGEST_BUCKET]


def test_independent_requests_score_as_chi_squared_does() -> None:
    draw, shares = random.Random(3), dict.fromkeys(range(10), 0.1)
    found = []
    for _ in range(400):
        counts = dict.fromkeys(range(10), 0)
        for one in draw.choices(range(10), k=500):
            counts[one] += 1
        found.append(index(counts, Reference(shares, 1e9)))

    mean = sum(one.statistic for one in found) / len(found)
    above = sum(one.statistic > chi_squared_quantile(0.05, 9) for one in found)
    assert {one.degrees for one in found} == {9}
    assert mean == pytest.approx(9, abs=4 * math.sqrt(18 / 400))
    assert 5 <= above <= 38  # of 400, 20 are expected


def test_thresholds_are_never_below_those_of_independent_requests() -> None:
    steady = fitted([Index(0.01 + number * 1e-6, 0.002, 9, 500) for number in range(WINDOWS_NEEDED)])
    assert steady is not None

    one = Index(0.0, 0.002, 9, 500)
    assert steady.threshold(1e-4, one) == pytest.approx(0.002 * chi_squared_quantile(1e-4, 9))
    assert steady.found_from(1e-4, one) > steady.threshold(1e-4, one)


def test_fewer_windows_than_forty_say_nothing_of_chance() -> None:
    assert fitted([Index(0.01, 0.002, 9, 500)] * (WINDOWS_NEEDED - 1)) is None


@pytest.mark.parametrize("session", [1, 20])
def test_nothing_is_found_where_nothing_changes(session: int) -> None:
    one = learnt(session=session)

    alarms = [watch.alarms for watch in one.windows(500, seconds=300.0)]

    assert not any(alarms)
    assert one.watch.judging


def test_sessions_are_seen_as_overdispersion() -> None:
    independent, sessions = learnt(session=1).let(1), learnt(session=20).let(1)

    assert independent.tracks[PROMPT_TOKENS].score.overdispersion == pytest.approx(1, abs=0.25)
    assert sessions.tracks[PROMPT_TOKENS].score.overdispersion > 5
    thresholds = [one.tracks[PROMPT_TOKENS].score.threshold or 0 for one in (independent, sessions)]
    assert thresholds[1] > 2 * thresholds[0]


def test_a_tenth_of_other_requests_is_found_within_two_windows_and_ends_with_two() -> None:
    one = learnt()
    one.traffic.code = 0.1
    first, second = list(one.windows(2))

    assert first.alarms == ()
    assert PARAMETERS in second.alarms
    assert second.tracks[PARAMETERS].alarm_since == pytest.approx(one.now - 2 * 3600)

    one.traffic.code = 0.0
    third, fourth = list(one.windows(2))
    assert PARAMETERS in third.alarms
    assert fourth.alarms == ()


def test_longer_answers_to_the_same_requests_move_the_answers_alone() -> None:
    one = learnt()
    one.traffic.longer_answers = 2.0

    watch = one.let(2)

    assert set(watch.alarms) == {COMPLETION_TOKENS, GIVEN_INPUT}


def test_the_power_that_is_said_is_had() -> None:
    one = learnt()
    score = one.let(1).tracks[PROMPT_TOKENS].score
    found = []
    for seed in range(40):
        one.traffic = Traffic(seed + 100)
        one.traffic.code = 0.2
        found.append(one.let(1).tracks[PROMPT_TOKENS].score)

    assert 0.02 < score.found_from < 0.5
    assert sum(one.over for one in found) >= 32


def test_features_are_judged_when_they_are_known_of_most_requests() -> None:
    one = learnt()
    one.traffic = WithoutParameters(3)

    before = one.watch.tracks[PARAMETERS].at
    watch = one.let(1)

    assert watch.tracks[PARAMETERS].at == before
    assert {name for name in FEATURES if watch.tracks[name].at == watch.window_at} == {*FEATURES} - {
        PARAMETERS
    }
