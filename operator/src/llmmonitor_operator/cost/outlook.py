"""What the period will come to: its ledger so far, and the forecast of the rest from full days.

A day is full when the ledger held all of it. Days at another price count as what their devices would cost at
today's: that a rate was changed is no news about how many pods will run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from llmmonitor_operator.cost.forecast import DAYS_USED, FULL_DAYS_NEEDED, Fitted, Forecast, fitted
from llmmonitor_operator.cost.ledger import NOTHING, Ledger, Line, within
from llmmonitor_operator.cost.period import DAY_MS, Period, day_of, weekday_of
from llmmonitor_operator.cost.price import UNITS, Price


@dataclass(frozen=True, slots=True)
class Overrun:
    """On which days the budget will be spent; None: not within the period."""

    expected: int | None
    earliest: int | None
    latest: int | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of days to come."""

    full_days: int
    """That it rests on; a forecast needs FULL_DAYS_NEEDED."""
    restored_days: int
    """Those of them that were read from a checkpoint."""
    total: Forecast | None = None
    """Of the whole period, in the currency; None for want of full days."""
    overrun: Overrun | None = None
    """None without a budget, and where not even the upper bound exceeds it."""


def outlook(ledger: Ledger, price: Price, period: Period, now_ms: int, budget: float | None) -> Outlook:
    """The outlook.

    Args:
        ledger: with everything up to now.
        price: in force.
        period: that now is in.
        now_ms: Unix milliseconds.
        budget: of the period, in the price's currency; None without one.
    """
    today = day_of(now_ms)
    first, days = full_days(ledger, price, today)
    restored = max(0, min(ledger.restored_through + 1, today) - first) if ledger.restored_at else 0
    if len(days) < FULL_DAYS_NEEDED:
        return Outlook(len(days), restored)
    known = fitted(days, weekday_of(today))
    left_of_today = 1 - now_ms % DAY_MS / DAY_MS
    weights = (left_of_today, *(1.0,) * (period.after - today - 1))
    rest = known.of_sum(weights)
    spent = within(ledger.of(price.currency), period.first, period.after).total / UNITS
    total = Forecast(spent + rest.expected, spent + max(0.0, rest.low), spent + max(0.0, rest.high))
    overrun = None
    if budget is not None and total.high > budget:
        overrun = _overrun(known, weights, today, budget - spent)
    return Outlook(len(days), restored, total, overrun)


def full_days(ledger: Ledger, price: Price, today: int) -> tuple[int, tuple[float, ...]]:
    """The first full day, and what each from there until today (excluded) would cost at this price."""
    chain = _followed(ledger, price)
    if not chain:
        return today, ()
    first = max(day_of(chain[-1].since + DAY_MS - 1), today - DAYS_USED)
    rate = price.units_per_ms / UNITS
    days = tuple(
        rate * sum(line.days.get(day, NOTHING).device_ms for line in chain) for day in range(first, today)
    )
    return min(first, today), days


def _followed(ledger: Ledger, price: Price) -> list[Line]:
    """The lines that follow one another up to now and count the same devices, the newest first."""
    lines = list(reversed(ledger.lines))
    chain = [line for line in lines[:1] if _counts_alike(line, price)]
    for newer, older in pairwise(lines):
        if not chain or not _counts_alike(older, price) or newer.since - older.until > DAY_MS:
            break
        chain.append(older)
    return chain


def _counts_alike(line: Line, price: Price) -> bool:
    """Whatever its rate was, and where that is not known any more."""
    return (line.currency, line.per) == (price.currency, price.per.value)


def _overrun(known: Fitted, weights: tuple[float, ...], today: int, left: float) -> Overrun:
    sums = [known.of_sum(weights[: n + 1]) for n in range(len(weights))]

    def first(reached: Iterator[float]) -> int | None:
        return next((today + n for n, so_far in enumerate(reached) if so_far > left), None)

    return Overrun(
        expected=first(one.expected for one in sums),
        earliest=first(one.high for one in sums),
        latest=first(one.low for one in sums),
    )
