from __future__ import annotations

import random
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.cost.conftest import HOUR, MIDNIGHT, SECOND, Cluster, hours

from llmmonitor_api.spec.cost import BudgetPeriod, PricedBy
from llmmonitor_operator.cost.ledger import total
from llmmonitor_operator.cost.period import DAY_MS, date_of, day_of, period_of
from llmmonitor_operator.cost.price import UNITS, Price, in_units, money, money_by_part

RATES = st.decimals(0, 10**6, places=6, allow_nan=False, allow_infinity=False)


@given(st.lists(st.integers(0, 10**20), min_size=1, max_size=6))
def test_parts_add_up_to_the_whole_to_the_last_digit(parts: list[int]) -> None:
    assert sum(money_by_part(parts)) == money(sum(parts))
    assert all(
        abs(shown - money(units)) <= Decimal("0.000001")
        for shown, units in zip(money_by_part(parts), parts, strict=True)
    )


@given(RATES, st.integers(0, 10**12))
def test_time_at_a_rate_is_exact(rate: Decimal, milliseconds: int) -> None:
    units = Price("USD", rate, PricedBy.GPU).units_per_ms * milliseconds

    assert Fraction(units, UNITS) == Fraction(rate) * milliseconds / HOUR
    assert Fraction(in_units(rate), UNITS) == Fraction(rate)


@given(st.integers(0, 2**32), st.lists(st.integers(0, 36 * HOUR), max_size=12))
def test_however_often_and_when_it_is_looked_the_sum_is_the_same(seed: int, gaps: list[int]) -> None:
    rng = random.Random(seed)
    rate = Price("USD", Decimal(rng.randrange(1, 10**9)).scaleb(-6), PricedBy.GPU)
    often, once = Cluster(rate), Cluster(rate)
    for one in (often, once):
        one.look()
        one.start("a", gpus=3)
        one.start("b", gpus=1, scheduled_at=MIDNIGHT + 7 * HOUR, ready=False)
    for gap in gaps:
        often.look(gap)
        often.look()  # and twice
    once.look(sum(gaps))

    assert often.spent().parts == once.spent().parts
    assert often.spent().device_ms == once.spent().device_ms
    assert {day: spent.total for day, spent in often.ledger.lines[0].days.items() if spent.total} == {
        day: spent.total for day, spent in once.ledger.lines[0].days.items() if spent.total
    }


@given(st.integers(0, 2**32))
def test_parts_are_the_whole_whatever_pods_and_reports_do_in_whatever_order(seed: int) -> None:
    rng = random.Random(seed)
    one, other = Cluster(), Cluster()
    lived = 0
    for cluster in (one, other):
        cluster.look()
    for step in range(12):
        gap = rng.randrange(1, 3 * HOUR)
        for cluster in (one, other):
            for uid in sorted(cluster.pods):
                if (seed + step + ord(uid[0])) % 3 == 0:
                    cluster.report(uid, min(gap, cluster.now % 1000 + 500), boot=f"b{step // 5}")
            cluster.now += gap
            cluster.pods = dict(sorted(cluster.pods.items(), reverse=cluster is other))
            cluster.look()
        lived += gap * len(one.pods)
        if len(one.pods) < 5 and step % 2 == 0:
            for cluster in (one, other):
                cluster.start(f"{step}", ready=step % 4 == 0)

    assert one.spent() == other.spent()
    assert one.spent().device_ms == lived
    assert hours(one.spent().total) == pytest.approx(lived / HOUR)
    assert min(one.spent().parts) >= 0
    assert total(one.ledger.lines[0].days.values()) == one.spent()


def test_a_pod_over_midnight_is_two_days() -> None:
    one = Cluster(now=MIDNIGHT - 30 * SECOND)
    one.look()
    one.start()
    one.look(45 * SECOND)

    before, after = sorted(one.ledger.lines[0].days.items())
    assert (before[0], before[1].device_ms) == (day_of(MIDNIGHT) - 1, 30 * SECOND)
    assert (after[0], after[1].device_ms) == (day_of(MIDNIGHT), 15 * SECOND)


@pytest.mark.parametrize(
    ("on", "kind", "first", "last"),
    [
        ("2024-02-29", BudgetPeriod.MONTH, "2024-02-01", "2024-02-29"),
        ("2025-02-10", BudgetPeriod.MONTH, "2025-02-01", "2025-02-28"),
        ("2024-12-31", BudgetPeriod.MONTH, "2024-12-01", "2024-12-31"),
        ("2024-12-31", BudgetPeriod.WEEK, "2024-12-30", "2025-01-05"),
        ("2025-01-05", BudgetPeriod.WEEK, "2024-12-30", "2025-01-05"),
        ("2025-01-06", BudgetPeriod.WEEK, "2025-01-06", "2025-01-12"),
        ("2024-02-29", BudgetPeriod.DAY, "2024-02-29", "2024-02-29"),
    ],
)
def test_periods_are_the_calendars(on: str, kind: BudgetPeriod, first: str, last: str) -> None:
    day = (date.fromisoformat(on) - date(1970, 1, 1)).days

    period = period_of(day, kind)

    assert (str(date_of(period.first)), str(date_of(period.after - 1))) == (first, last)
    assert period.begin.timestamp() * 1000 == period.first * DAY_MS
