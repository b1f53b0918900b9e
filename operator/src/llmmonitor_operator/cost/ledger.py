"""The ledger: what each UTC day cost, by part, and what was answered in it; bounded, and made to last.

A changed rate or currency begins a new line, so that each line has one price; amounts of one currency add up
over lines, those of different ones never. Time is charged by `accrue.py`; this is its shape, and how it is
kept within bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation

import msgspec

from llmmonitor_api.spec.cost import PricedBy
from llmmonitor_operator.cost.period import DAY_MS, day_of
from llmmonitor_operator.cost.price import Price

DAYS_LIMIT = 400
LINES_LIMIT = 16
"""Beyond it the two oldest of one currency are put together, whose price is then not known any more."""
ACCOUNTS_LIMIT = 2048
"""Pods whose reports are followed; the time of others is charged too, as time of which nothing is known."""


class Spent(msgspec.Struct, frozen=True, array_like=True):
    """One day of a line: amounts in units of `price.py`, and counts."""

    busy: int = 0
    """With requests in flight."""
    idle: int = 0
    """Without."""
    loading: int = 0
    """The pod had its devices and the model did not serve yet, or not any more."""
    probes: int = 0
    """With nothing but probes in flight."""
    unobserved: int = 0
    """The pod was ready, and no sidecar told whether it worked."""
    device_ms: int = 0
    """Devices x milliseconds that were charged."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    """From exact sources alone."""
    answered: int = 0
    """Requests with a complete answer."""
    exact: int = 0
    """Requests whose completion tokens are exact."""
    counted: int = 0
    """Requests whose completion tokens are a lower bound, counted from deltas."""
    ends_unseen: int = 0
    """Pods that ended while nobody looked: they are charged until they were last seen."""

    @property
    def parts(self) -> tuple[int, int, int, int, int]:
        """The amounts; they are the whole."""
        return self.busy, self.idle, self.loading, self.probes, self.unobserved

    @property
    def total(self) -> int:
        """All of it, in units."""
        return sum(self.parts)


COLUMNS = Spent.__struct_fields__
NOTHING = Spent()


class Line(msgspec.Struct, frozen=True):
    """The days in which one price was in force."""

    currency: str
    amount: str
    """Per hour; empty where lines of several prices were put together."""
    per: str
    """Empty where lines that were put together do not count the same, or not without a gap."""
    since: int
    """Unix milliseconds."""
    until: int
    """Up to when time was charged to it."""
    days: dict[int, Spent] = {}

    @property
    def price(self) -> Price | None:
        """Its price; None where that is not known any more, or of a kind that only a later version knows."""
        try:
            return Price(self.currency, Decimal(self.amount), PricedBy(self.per))
        except (ValueError, InvalidOperation):
            return None


class Account(msgspec.Struct, frozen=True):
    """What must be remembered of a pod between two looks."""

    ready: bool = False
    boot_id: str = ""
    """Of the sidecar's life whose report was counted last."""
    at: int = 0
    """When that report was made, Unix milliseconds."""
    busy: int = 0
    observed: int = 0
    probing: int = 0
    """Its counters, nanoseconds."""
    busy_share: int = 0
    seen_share: int = 0
    """Of the time before that report, in millionths: taken for the moments after it."""


class Ledger(msgspec.Struct, frozen=True):
    """Everything that was charged; `Ledger()` before there was a price."""

    lines: tuple[Line, ...] = ()
    """The newest last."""
    accounts: dict[str, Account] = {}
    """By pod UID, of the pods there were at the last look."""
    looked_at: int = 0
    """Up to when everything is charged, Unix milliseconds; 0 while nothing is, for want of a price."""
    restored_at: int = 0
    """When it was last read from a checkpoint, Unix milliseconds; 0 if never."""
    restored_through: int = 0
    """The last day that it held then."""

    def of(self, currency: str) -> Iterator[Line]:
        """The lines in that currency, the oldest first."""
        return (line for line in self.lines if line.currency == currency)


def total(entries: Iterable[Spent]) -> Spent:
    """Their sum."""
    columns = [0] * len(COLUMNS)
    for one in entries:
        for place, name in enumerate(COLUMNS):
            columns[place] += getattr(one, name)
    return Spent(*columns)


def added(days: Mapping[int, Spent], entries: Iterable[tuple[int, Spent]]) -> dict[int, Spent]:
    """The days with these entries, each by its day, in them."""
    result = dict(days)
    for day, spent in entries:
        result[day] = total([result[day], spent]) if day in result else spent
    return result


def within(lines: Iterable[Line], first: int, after: int) -> Spent:
    """What the lines hold of the days from `first` until before `after`."""
    return total(spent for line in lines for day, spent in line.days.items() if first <= day < after)


def with_price(ledger: Ledger, price: Price, now_ms: int) -> Ledger:
    """With a line of this price at its end, a new one if the last is of another."""
    if ledger.lines and ledger.looked_at and ledger.lines[-1].price == price:
        return ledger
    new = Line(price.currency, str(price.amount), price.per.value, now_ms, now_ms)
    return msgspec.structs.replace(ledger, lines=_bounded((*ledger.lines, new)))


def charged(ledger: Ledger, days: Mapping[int, Spent], now_ms: int) -> Ledger:
    """With these entries added to the last line, up to `now_ms`; days that are too old go."""
    oldest = day_of(now_ms) - DAYS_LIMIT
    last = ledger.lines[-1]
    kept = added(last.days, days.items())
    lines = [*ledger.lines[:-1], msgspec.structs.replace(last, days=kept, until=max(last.until, now_ms))]
    if any(line.days and min(line.days) <= oldest for line in lines):
        lines = [_since(line, oldest) for line in lines]
        lines = [line for line in lines[:-1] if line.days] + lines[-1:]
    return msgspec.structs.replace(ledger, lines=tuple(lines))


def restored(ledger: Ledger, now_ms: int) -> Ledger:
    """As it is when it was just read from a checkpoint: messages say so."""
    if not ledger.lines:
        return ledger
    through = max((day for line in ledger.lines for day in line.days), default=0)
    return msgspec.structs.replace(ledger, restored_at=now_ms, restored_through=through)


def _since(line: Line, oldest: int) -> Line:
    return msgspec.structs.replace(line, days={day: one for day, one in line.days.items() if day > oldest})


def _bounded(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    if len(lines) <= LINES_LIMIT:
        return lines
    older = lines[0]
    place = next((n for n, one in enumerate(lines[1:-1], 1) if one.currency == older.currency), None)
    if place is None:  # sixteen currencies: the oldest is given up
        return lines[1:]
    newer = lines[place]
    days = added(older.days, newer.days.items())
    # where they count the same devices without a gap, a forecast can still rest on these
    alike = newer.per == older.per and newer.since - older.until <= DAY_MS
    per = newer.per if alike else ""
    both = msgspec.structs.replace(newer, amount="", per=per, since=older.since, days=days)
    return (both, *(one for n, one in enumerate(lines) if n not in {0, place}))
