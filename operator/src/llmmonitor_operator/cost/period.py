"""Days and calendar periods in UTC: days count from the Unix epoch, a week begins on Monday (ISO 8601)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from llmmonitor_api.spec.cost import BudgetPeriod

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days."""

    first: int
    """Its first day."""
    after: int
    """The first day that is no more of it."""
    kind: BudgetPeriod

    @property
    def begin(self) -> datetime:
        """Its first moment."""
        return begin_of(self.first)

    @property
    def days(self) -> int:
        """How many it has."""
        return self.after - self.first

    def __str__(self) -> str:
        begin = date_of(self.first)
        if self.kind is BudgetPeriod.MONTH:
            return begin.strftime("%Y-%m")
        return f"the week from {begin}" if self.kind is BudgetPeriod.WEEK else str(begin)


def day_of(at_ms: int) -> int:
    """The day that a moment (Unix milliseconds) is in."""
    return at_ms // DAY_MS


def date_of(day: int) -> date:
    """Its date."""
    return date.fromordinal(min(max(1, _EPOCH + day), date.max.toordinal()))


def begin_of(day: int) -> datetime:
    """Its first moment."""
    return datetime.combine(date_of(day), datetime.min.time(), UTC)


def weekday_of(day: int) -> int:
    """0 for Monday, 6 for Sunday."""
    return date_of(day).weekday()


def period_of(day: int, kind: BudgetPeriod) -> Period:
    """The period that the day is in."""
    today = date_of(day)
    if kind is BudgetPeriod.DAY:
        first = after = today
        after += timedelta(days=1)
    elif kind is BudgetPeriod.WEEK:
        first = today - timedelta(days=today.weekday())
        after = first + timedelta(days=7)
    else:
        first = today.replace(day=1)
        after = (first + timedelta(days=31)).replace(day=1)
    return Period(first.toordinal() - _EPOCH, after.toordinal() - _EPOCH, kind)
