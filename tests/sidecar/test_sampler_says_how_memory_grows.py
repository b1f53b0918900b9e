from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from itertools import accumulate, count, repeat

import pytest

from llmmonitor_api.report.report import MemoryTrend
from llmmonitor_sidecar.samplers.memory_trend import REMEMBERED, MemoryGrowth

SECOND = 10**9
MIB = 1 << 20
BASE = 1 << 30


def grown(samples: Iterable[int], seconds: float = 1.0) -> MemoryGrowth:
    growth = MemoryGrowth()
    for number, held in enumerate(samples):
        growth.add(round(number * seconds * SECOND), held)
    return growth


def by_length(growth: MemoryGrowth) -> dict[int, MemoryTrend]:
    return {trend.samples: trend for trend in growth.trends()}


def test_steady_growth_is_known_exactly_over_every_span_that_is_filled() -> None:
    trends = by_length(grown(BASE + 20 * MIB * n for n in range(60)))

    assert sorted(trends) == [8, 30]
    for samples, trend in trends.items():
        assert (trend.low, trend.bytes_per_second, trend.high) == (20 * MIB,) * 3
        assert trend.span_seconds == pytest.approx(samples)


def test_seconds_are_those_of_the_clock_not_numbers_of_samples() -> None:
    trend = by_length(grown((BASE + 50 * MIB * n for n in range(9)), seconds=5.0))[8]

    assert (trend.bytes_per_second, trend.span_seconds) == (10 * MIB, 40.0)


@pytest.mark.parametrize("at", [125, 180, 240, 250, 254])
def test_one_step_is_no_trend(at: int) -> None:
    """A model that loads something, or a process that was found late."""
    growth = grown(BASE + (512 * MIB if n >= at else 0) for n in range(REMEMBERED))

    assert all(trend.low <= 0 for trend in growth.trends())


def test_teeth_are_no_trend_over_several_of_them_and_go_no_higher_than_before() -> None:
    tooth = [BASE + 30 * MIB * n for n in range(9)]

    growth = grown([*tooth * 20, *tooth[:-1]])

    trends = by_length(growth)
    assert trends[120].low < 0 < trends[120].high
    for trend in trends.values():
        assert trend.highest_before_bytes is not None
        assert tooth[-2] < trend.highest_before_bytes


def test_the_interval_holds_the_truth_although_growth_comes_in_bursts() -> None:
    """Increments that depend on the one before by 0.6, as batches of requests make them; 95 % nominal."""
    covered, naive, runs = 0, 0, 400
    for seed in range(runs):
        samples = _bursts(random.Random(seed), mean=2 * MIB, spread=4 * MIB, memory=0.6)
        trend = by_length(grown(samples))[120]
        covered += trend.low <= 2 * MIB <= trend.high
        naive += abs(trend.bytes_per_second - 2 * MIB) <= 1.96 * 4 * MIB / 120**0.5

    assert covered / runs >= 0.9
    assert naive / runs < 0.75, "the case is no test of anything if independence would do"


def _bursts(chance: random.Random, *, mean: float, spread: float, memory: float) -> Iterable[int]:
    deviation, noise = 0.0, spread * (1 - memory**2) ** 0.5
    increments = []
    for _ in range(140):
        deviation = memory * deviation + chance.gauss(0, noise)
        increments.append(mean + deviation)
    return (round(BASE + one) for one in accumulate(increments))


def test_a_pause_ends_the_series() -> None:
    growth = grown(BASE + MIB * n for n in range(20))

    growth.add(60 * SECOND, 2 * BASE)

    assert growth.trends() == ()


def test_a_hiccup_of_the_sampler_does_not() -> None:
    growth = MemoryGrowth()
    for number, pause in zip(count(), [0, 1000, 100, 1500, *repeat(1000, 10)], strict=False):
        growth.add((number * 1000 + pause) * SECOND // 1000, BASE)

    assert by_length(growth)[8].bytes_per_second == 0


@pytest.mark.parametrize("end", [lambda one: one.clear(), lambda one: one.add(30 * SECOND, None)])
def test_nothing_of_other_processes_remains(end: Callable[[MemoryGrowth], None]) -> None:
    growth = grown(BASE for _ in range(30))

    end(growth)

    assert growth.trends() == ()
