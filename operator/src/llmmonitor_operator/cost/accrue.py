"""Charges the time since the last look to the ledger: pods' lifetimes x devices, whoever reports or not.

One moment, `Ledger.looked_at`, says up to when everything is charged: whatever there is now is charged from
there or from when it got its node, if that came later. So a second look at the same time adds nothing, an
operator that takes over (or was away for a week) charges what is missing once, and a pod that changes its
monitor is charged to neither twice. A pod that ended unseen is charged until it was last seen, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import msgspec

from llmmonitor_api.spec.cost import PricedBy
from llmmonitor_operator.cost.follow import Piece, follow, ready_pieces
from llmmonitor_operator.cost.ledger import (
    ACCOUNTS_LIMIT,
    COLUMNS,
    Account,
    Ledger,
    Line,
    Spent,
    charged,
    with_price,
)
from llmmonitor_operator.cost.lifetime import Lifetime
from llmmonitor_operator.cost.period import DAY_MS, day_of
from llmmonitor_operator.cost.price import Price
from llmmonitor_operator.figures import OK, Figures
from llmmonitor_operator.state import Pod

TOLERATED_MS = 60_000
"""By which a clock may be put back without a word: time is charged again once it has caught up."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is there at a moment."""

    now_ms: int
    """Unix milliseconds."""
    lifetimes: Sequence[Lifetime]
    """Of all pods that cost: selected ones, those on their way out, and workers of their groups."""
    pods: Mapping[str, Pod]
    """Their reports, by UID."""
    answered: Figures
    """What was counted since the last look."""
    patience_ms: int
    """How long a report speaks for what comes after it: three report intervals."""


def accrued(ledger: Ledger, price: Price | None, look: Look) -> Ledger:
    """The ledger with everything up to `look.now_ms` in it.

    Time belongs to the price that was in force when it began; without a price nothing is charged.
    """
    if price is None:
        return msgspec.structs.replace(ledger, accounts={}, looked_at=0) if ledger.looked_at else ledger
    ledger = _not_after(ledger, look.now_ms)
    if not ledger.looked_at:
        begun = with_price(ledger, price, look.now_ms)
        accounts = _accounts(begun, look, (look.now_ms, look.now_ms))[1]
        return msgspec.structs.replace(begun, looked_at=look.now_ms, accounts=accounts)
    begin, end = ledger.looked_at, max(look.now_ms, ledger.looked_at)
    in_force = ledger.lines[-1].price or price
    found, accounts = _accounts(ledger, look, (begin, end))
    days = _Days(in_force)
    for devices, piece in _on_nodes(found) if in_force.per is PricedBy.NODE else _alone(found, in_force.per):
        days.charge(piece, devices)
    days.count(day_of(look.now_ms), _answers(look.answered))
    if end - begin > look.patience_ms:
        days.count(day_of(begin), {"ends_unseen": len(ledger.accounts.keys() - _uids(look.lifetimes))})
    ledger = charged(ledger, days.entries(), look.now_ms)
    ledger = msgspec.structs.replace(ledger, looked_at=end, accounts=accounts)
    return with_price(ledger, price, look.now_ms)


def _accounts(
    ledger: Ledger, look: Look, time: tuple[int, int]
) -> tuple[list[tuple[Lifetime, list[Piece]]], dict[str, Account]]:
    """Every pod's time in pieces; workers' after the others', whose shares they take."""
    found: list[tuple[Lifetime, list[Piece]]] = []
    accounts: dict[str, Account] = {}
    for life in sorted(look.lifetimes, key=lambda one: one.works_for_others):
        begin, end = max(time[0], life.scheduled_at or 0), time[1]
        if life.ended:
            end = min(end, begin if life.ended_at is None else life.ended_at)
        account = ledger.accounts.get(life.uid, _NEW)
        within = (begin, max(begin, end))
        if life.works_for_others:
            pieces, account = ready_pieces(life, account, within)
            pieces = _as_busy_as(pieces, found)
        else:
            pieces, account = follow(life, account, look.pods.get(life.uid), within, look.patience_ms)
        found.append((life, pieces))
        if not life.ended and len(accounts) < ACCOUNTS_LIMIT:
            accounts[life.uid] = account
    return found, accounts


def _as_busy_as(pieces: Iterable[Piece], others: Iterable[tuple[Lifetime, list[Piece]]]) -> list[Piece]:
    """A worker's pieces by the shares of those that answer, over the same look."""
    theirs = [piece for life, some in others if not life.works_for_others for piece in some]
    busy, idle = sum(one.busy for one in theirs), sum(one.idle for one in theirs)
    probes = sum(one.probes for one in theirs)
    told = busy + idle + probes
    if not told:
        return list(pieces)
    result = []
    for piece in pieces:
        length = 0 if piece.loading else piece.length
        share, probed = length * busy // told, length * probes // told
        result.append(replace(piece, busy=share, probes=probed, idle=length - share - probed))
    return result


def _alone(found: Iterable[tuple[Lifetime, list[Piece]]], per: PricedBy) -> Iterable[tuple[int, Piece]]:
    for life, pieces in found:
        devices = life.gpus if per is PricedBy.GPU else 1
        yield from ((devices, piece) for piece in pieces if devices)


def _on_nodes(found: Iterable[tuple[Lifetime, list[Piece]]]) -> Iterable[tuple[int, Piece]]:
    """Each node's time once, however many of the pods are on it: as its busiest pod spent it."""
    by_node: dict[str, list[Piece]] = {}
    for life, pieces in found:
        by_node.setdefault(life.node or life.uid, []).extend(pieces)
    for pieces in by_node.values():
        if len(pieces) == 1:
            yield 1, pieces[0]
            continue
        moments = sorted({moment for piece in pieces for moment in (piece.begin, piece.end)})
        for begin, end in pairwise(moments):
            over = [piece for piece in pieces if piece.begin <= begin and end <= piece.end]
            if over:
                yield 1, max(over, key=_activity).part(begin, end)


def _activity(piece: Piece) -> tuple[bool, float, float]:
    """The busiest last; serving before loading, told before not told."""
    return not piece.loading, piece.busy / piece.length, piece.idle / piece.length


class _Days:
    """Entries of the ledger, put together."""

    def __init__(self, price: Price) -> None:
        self._rate = price.units_per_ms
        self._days: dict[int, dict[str, int]] = {}

    def charge(self, piece: Piece, devices: int) -> None:
        """Some time of so many devices; over midnight it is two days'."""
        begin = piece.begin
        while begin < piece.end:
            day = day_of(begin)
            end = min(piece.end, (day + 1) * DAY_MS)
            part = piece.part(begin, end)
            told = {"busy": part.busy, "idle": part.idle, "probes": part.probes}
            left = part.length - sum(told.values())
            times = told | {"loading" if piece.loading else "unobserved": left}
            amounts = {name: ms * devices * self._rate for name, ms in times.items()}
            self.count(day, amounts | {"device_ms": part.length * devices})
            begin = end

    def count(self, day: int, figures: Mapping[str, int]) -> None:
        """Add these columns to a day."""
        for name, figure in figures.items():
            if figure:
                columns = self._days.setdefault(day, {})
                columns[name] = columns.get(name, 0) + figure

    def entries(self) -> dict[int, Spent]:
        """By day."""
        return {
            day: Spent(*(columns.get(name, 0) for name in COLUMNS)) for day, columns in self._days.items()
        }


def _answers(figures: Figures) -> dict[str, int]:
    return {
        "prompt_tokens": figures.prompt_tokens_exact,
        "completion_tokens": figures.completion_tokens_exact,
        "answered": figures.outcomes.get(OK, 0),
        "exact": figures.exact_requests,
        "counted": figures.inexact_requests,
    }


def _not_after(ledger: Ledger, now_ms: int) -> Ledger:
    """Without what a clock that was ahead charged to days to come; what it charged of today stays charged.

    Today's rest is then not charged a second time when it comes.
    """
    if ledger.looked_at <= now_ms + TOLERATED_MS:
        return ledger
    today = day_of(now_ms)
    return msgspec.structs.replace(
        ledger,
        lines=tuple(_until(line, today, now_ms) for line in ledger.lines),
        accounts={
            uid: msgspec.structs.replace(one, at=min(one.at, now_ms)) for uid, one in ledger.accounts.items()
        },
        looked_at=min(ledger.looked_at, (today + 1) * DAY_MS),
        restored_through=min(ledger.restored_through, today),
    )


def _until(line: Line, today: int, now_ms: int) -> Line:
    return msgspec.structs.replace(
        line,
        days={day: spent for day, spent in line.days.items() if day <= today},
        since=min(line.since, now_ms),
        until=min(line.until, now_ms),
    )


def _uids(lifetimes: Iterable[Lifetime]) -> set[str]:
    return {one.uid for one in lifetimes}


_NEW = Account()
