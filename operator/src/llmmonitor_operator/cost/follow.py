"""One pod's time between two looks: loading, busy, probed, idle, or not told, by readiness and reports.

Every millisecond is in exactly one piece. A report's counters say how much of the time since the report
before it was busy; for the moments since the newest report its own share is taken, as long as it is fresh.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from llmmonitor_operator.cost.ledger import Account
from llmmonitor_operator.cost.lifetime import Lifetime
from llmmonitor_operator.state import Pod, Source

_MILLION = 1_000_000
_ALL_BUT = 0.95
"""Of the time between two reports; where more was seen all was: two clocks differ by milliseconds."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some time of one pod, Unix milliseconds; what is neither loading, busy, probed nor idle is not told."""

    begin: int
    end: int
    loading: bool = False
    busy: int = 0
    """Milliseconds of it."""
    idle: int = 0
    probes: int = 0
    """With a probe in flight, and nothing else."""

    @property
    def length(self) -> int:
        """In milliseconds."""
        return self.end - self.begin

    def part(self, begin: int, end: int) -> Piece:
        """What of it lies in a part of its time; parts side by side add up to it, to the millisecond."""
        before, upto = begin - self.begin, end - self.begin

        def share(whole: int) -> int:
            return whole * upto // self.length - whole * before // self.length

        busy = share(self.busy)
        probed = share(self.busy + self.probes)
        seen = share(self.busy + self.probes + self.idle)
        return Piece(begin, end, self.loading, busy, seen - probed, probed - busy)


def follow(
    life: Lifetime, account: Account, pod: Pod | None, time: tuple[int, int], patience_ms: int
) -> tuple[list[Piece], Account]:
    """The time from `time[0]` to `time[1]` in pieces, and what to remember of the pod.

    Args:
        life: the pod.
        account: what was remembered the last time.
        pod: its reports, None without any.
        time: from and to.
        patience_ms: how long a report speaks for what comes after it.
    """
    begin, end = time
    newest = pod.newest if pod else None
    ready_from, ready_to, ready = _ready(life, account, newest, begin, end)
    pieces = [Piece(begin, ready_from, loading=True)]
    at = ready_from
    for boot in pod.boots if pod else ():
        span = _since_the_last(boot, account)
        if span is None:
            continue
        since, until = span
        before = begin if account.ready else 0  # what was charged as loading was not busy
        account, busy, seen, probes = _counted(boot, account, span, charged_until=before)
        if (until := min(until, ready_to)) > (since := max(at, since)):
            pieces += [Piece(at, since), _seen(since, until, busy, seen, probes)]
            at = until
    if account.boot_id and ready_to - account.at <= patience_ms:
        length = ready_to - at
        share = account.busy_share * length // _MILLION, account.seen_share * length // _MILLION
        pieces.append(_seen(at, ready_to, *share))
    else:
        pieces.append(Piece(at, ready_to))
    pieces.append(Piece(ready_to, end, loading=True))
    return [one for one in pieces if one.length > 0], msgspec.structs.replace(account, ready=ready)


def ready_pieces(life: Lifetime, account: Account, time: tuple[int, int]) -> tuple[list[Piece], Account]:
    """The same of a pod that never reports: its ready time is told by nobody."""
    return follow(life, account, None, time, 0)


def _ready(
    life: Lifetime, account: Account, newest: Source | None, begin: int, end: int
) -> tuple[int, int, bool]:
    """From when to when the model served, and whether it does now; an empty span is at the begin."""
    if life.leaving or life.ended:
        return (begin, end, True) if account.ready or life.ready else (begin, begin, False)
    changed = min(max(life.ready_changed_at or begin, begin), end)
    if not life.ready:
        return begin, changed if account.ready else begin, False
    if newest is not None and not (newest.interception.model_listening or newest.interception.reading):
        return begin, begin, False  # ready by a probe that says nothing of the model, or without one
    return begin if account.ready else changed, end, True


def _since_the_last(boot: Source, account: Account) -> tuple[int, int] | None:
    """The time that its counters tell of since what was counted last; None if there is nothing new."""
    known = boot.boot_id == account.boot_id
    since, until = account.at if known else int(boot.started_at * 1000), int(boot.at * 1000)
    return (since, until) if until > max(since, account.at) else None


def _counted(
    boot: Source, account: Account, span: tuple[int, int], charged_until: int
) -> tuple[Account, int, int, int]:
    """The account with this report in it, and how many ms not charged yet were busy, seen, and probed."""
    known = boot.boot_id == account.boot_id
    busy_ns = max(0, boot.busy_nanoseconds - (account.busy if known else 0))
    seen_ns = max(0, boot.observed_nanoseconds - (account.observed if known else 0))
    probed_ns = max(0, boot.probing_nanoseconds - (account.probing if known else 0))
    since, until = span
    length = until - since
    busy = min(busy_ns // _MILLION, length)
    seen = length if seen_ns >= _ALL_BUT * _MILLION * length else max(busy, seen_ns // _MILLION)
    probed = min(probed_ns // _MILLION, length - busy)
    left = max(0, until - max(since, charged_until))
    after = Account(
        ready=account.ready,
        boot_id=boot.boot_id,
        at=until,
        busy=boot.busy_nanoseconds,
        observed=boot.observed_nanoseconds,
        probing=boot.probing_nanoseconds,
        busy_share=busy * _MILLION // length,
        seen_share=seen * _MILLION // length,
    )
    return after, busy * left // length, seen * left // length, probed * left // length


def _seen(begin: int, end: int, busy: int, seen: int, probes: int = 0) -> Piece:
    busy = min(busy, end - begin)
    seen = min(seen, end - begin)
    probes = max(0, min(probes, seen - busy))
    return Piece(begin, end, busy=busy, idle=max(0, seen - busy - probes), probes=probes)
