from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from statistics import mean

import pytest

from llmmonitor_operator.cost.forecast import Forecast, fitted
from llmmonitor_operator.distributions.student import two_sided

RUNS = 200
Days = list[float]


def independent(rng: random.Random, days: int) -> Days:
    return [max(0.0, rng.gauss(100, 15)) for _ in range(days)]


def autocorrelated(rng: random.Random, days: int) -> Days:
    made, now = [], 0.0
    for _ in range(days):
        now = 0.6 * now + rng.gauss(0, 10)
        made.append(max(0.0, 100 + now))
    return made


def by_weekday(rng: random.Random, days: int) -> Days:
    begin = rng.randrange(7)
    return [max(0.0, rng.gauss(120 if (begin + n) % 7 < 5 else 40, 8)) for n in range(days)]


def wandering(rng: random.Random, days: int) -> Days:
    made, now = [], 100.0
    for _ in range(days):
        now = max(5.0, now + rng.gauss(0, 5))
        made.append(now)
    return made


def scaled_in_steps(rng: random.Random, days: int) -> Days:
    made, replicas = [], 4
    for _ in range(days):
        if rng.random() < 0.08:
            replicas = max(1, replicas + rng.choice((-1, 1)))
        made.append(24.0 * replicas + rng.gauss(0, 0.5))
    return made


def simulated(stream: Callable[[random.Random, int], Days], known: int, left: int) -> tuple[float, float]:
    """The share of sums within the interval, and the share below it."""
    rng = random.Random(11)
    within, below = [], []
    for _ in range(RUNS):
        days = stream(rng, known + left)
        found = fitted(tuple(days[:known]), 0).of_sum((1.0,) * left)
        came = sum(days[known:])
        within.append(found.low <= came <= found.high)
        below.append(came < found.low)
    return mean(within), mean(below)


@pytest.mark.parametrize("stream", [independent, autocorrelated, by_weekday, wandering])
@pytest.mark.parametrize(("known", "left"), [(7, 23), (14, 16), (28, 20)])
def test_an_interval_of_80_percent_holds_at_least_about_so_many(
    stream: Callable[[random.Random, int], Days], known: int, left: int
) -> None:
    within, below = simulated(stream, known, left)

    assert within >= 0.7
    assert below <= 0.17  # of forecast overruns so many are false, at most; 0.1 is meant


def test_jumps_that_no_day_foretold_are_what_it_holds_worst() -> None:
    within, below = simulated(scaled_in_steps, 7, 23)

    assert within >= 0.55
    assert below <= 0.2


def test_few_days_are_wide_and_many_are_narrow() -> None:
    rng = random.Random(5)
    days = tuple(independent(rng, 56))

    def width(known: int) -> float:
        found = fitted(days[:known], 0).of_sum((1.0,) * 14)
        return found.high - found.low

    assert width(7) > 1.5 * width(56)


def test_around_one_level_it_is_the_textbooks_interval_for_a_sum() -> None:
    days = (90.0, 110.0, 100.0, 105.0, 95.0, 120.0, 80.0)
    found = fitted(days, 0)
    around_one = replace(found, levels=(replace(found.levels[0], weight=1.0),))

    total = around_one.of_sum((1.0,) * 10)

    scatter = (sum((day - 100) ** 2 for day in days) + 10.0**2) / 6
    half = two_sided(0.8, 6) * math.sqrt(scatter * (10 + 10**2 / 7))
    assert total.expected == pytest.approx(1000)
    assert total.high - total.expected == pytest.approx(half)


def test_equal_days_are_expected_to_go_on_and_promise_nothing() -> None:
    found = fitted((100.0,) * 7, 0).of_sum((1.0,) * 20)

    assert found.expected == pytest.approx(2000)
    assert 100 < found.high - found.expected < 400


def test_weekends_are_expected_where_there_were_three() -> None:
    days = (10.0, 10.0, 10.0, 10.0, 10.0, 2.0, 2.0) * 4

    def of_day(place: int) -> Forecast:
        return fitted(days, 0).of_sum((0.0,) * place + (1.0,))

    assert of_day(0).expected == pytest.approx(10, rel=0.02)
    assert of_day(5).expected == pytest.approx(2, rel=0.1)


def test_nothing_spent_is_expected_to_cost_nothing() -> None:
    assert fitted((0.0,) * 7, 0).of_sum((1.0,) * 20) == Forecast(0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="a forecast needs 7"):
        fitted((1.0,) * 6, 0)


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(1, 3.077684), (2, 1.885618), (3, 1.637744), (6, 1.439756), (20, 1.325341)]
)
def test_quantiles_are_those_of_the_tables(degrees: int, quantile: float) -> None:
    assert two_sided(0.8, degrees) == pytest.approx(quantile, abs=1e-6)
