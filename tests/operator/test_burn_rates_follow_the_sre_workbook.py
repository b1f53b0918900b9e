"""Numbers by hand and from the Google SRE Workbook, chapter 5 ("Alerting on SLOs")."""

from __future__ import annotations

from fractions import Fraction

import pytest

from llmmonitor_operator.evaluate.burn_rate import Burn, Pair, burn_rate, events_needed, pairs
from llmmonitor_operator.windows import Count

DAY = 86_400
BUDGET = Fraction("0.001")  # the workbook's SLO of 99.9 %


def test_thirty_days_give_the_workbooks_windows() -> None:
    assert pairs(30 * DAY) == (
        Pair(Fraction("14.4"), 3600, 300),
        Pair(Fraction(6), 6 * 3600, 30 * 60),
        Pair(Fraction(1), 3 * DAY, 6 * 3600),
    )


@pytest.mark.parametrize(("pair", "share_of_budget"), [(0, "0.02"), (1, "0.05"), (2, "0.1")])
def test_a_pair_that_fires_has_spent_the_workbooks_share_of_the_budget(
    pair: int, share_of_budget: str
) -> None:
    one = pairs(30 * DAY)[pair]

    assert one.factor * Fraction(one.long_seconds) / (30 * DAY) == Fraction(share_of_budget)


def test_no_window_is_shorter_than_thirty_seconds() -> None:
    assert [(pair.long_seconds, pair.short_seconds) for pair in pairs(3600)] == [
        (30, 30),
        (30, 30),
        (360, 30),
    ]


def test_the_workbooks_table_of_burn_rates() -> None:
    # Table "Burn rates and time to complete budget exhaustion": error rates 0.1 %, 0.2 %, 1 %, 100 %.
    rates = [burn_rate(Count(1000 - bad, bad), BUDGET) for bad in (1, 2, 10, 1000)]

    assert rates == [1, 2, 10, 1000]


def test_one_point_four_four_percent_of_errors_over_an_hour_fires_and_less_does_not() -> None:
    pair = pairs(30 * DAY)[0]
    short = Count(900, 100)

    assert Burn(pair, Count(10_000 - 144, 144), short, BUDGET).fires
    assert not Burn(pair, Count(10_000 - 143, 143), short, BUDGET).fires


def test_what_is_over_does_not_fire() -> None:
    pair = pairs(30 * DAY)[0]

    assert not Burn(pair, long=Count(9000, 1000), short=Count(1000, 0), budget=BUDGET).fires
    assert not Burn(pair, long=Count(9000, 1000), short=Count(0, 0), budget=BUDGET).fires


def test_four_bad_events_are_chance_and_five_are_not() -> None:
    pair = pairs(30 * DAY)[0]

    assert not Burn(pair, Count(0, 4), Count(0, 4), BUDGET).fires
    assert Burn(pair, Count(0, 5), Count(0, 5), BUDGET).fires


def test_a_pair_out_of_the_targets_reach_is_told_exactly() -> None:
    page = pairs(30 * DAY)[0]

    assert page.reachable(Fraction(1, 20))  # 14.4 x 5 % = 72 %
    assert page.reachable(1 / Fraction("14.4"))  # everything bad is exactly enough
    assert not page.reachable(Fraction("0.07"))  # 14.4 x 7 % > 100 %


@pytest.mark.parametrize(
    ("budget", "needed"),
    [
        ("0.001", 209),  # 3 / (14.4 x 0.1 %) = 208.3
        ("0.01", 21),
        ("0.05", 5),  # 4.2, but fewer than five could not have fired
    ],
)
def test_a_verdict_needs_as_many_events_as_exclude_the_fastest_burn(budget: str, needed: int) -> None:
    assert events_needed(pairs(30 * DAY), Fraction(budget)) == needed
