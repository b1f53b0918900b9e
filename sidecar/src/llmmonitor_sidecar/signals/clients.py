"""What single clients met in the same ten minutes, for the comparison of versions; only while asked for.

Fed with the objectives' judgements, the moment that they are made, so that a client whose requests hang is
not left out. A bounded table: where more clients come, those stay whose hashes begin with more zero bits, on
every pod the same ones, however often each asks.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmmonitor_api.report.clients import (
    CLIENTS_LIMIT,
    MEASURES_LIMIT,
    MINUTES_SECONDS,
    ClientMet,
    Clients,
    is_within,
)
from llmmonitor_sidecar.analyser.exchange import Exchange
from llmmonitor_sidecar.signals.naming import Naming

_SIZES = (1024, 4096, 16_384)
"""Bounds of the strata of prompt length: bytes of the request's body."""
_NS = 1_000_000_000
_STEP_NS = 10 * _NS
"""By which the wall's clock may be off: minutes are told by tens, and waited for by two."""


class _Table:
    """One stretch of minutes."""

    def __init__(self, minutes: int, level: int) -> None:
        self.minutes = minutes
        self.level = level
        self.met: dict[str, tuple[int, list[int], list[int]]] = {}
        self.nameless = 0

    def take(self, client: str, stratum: int, place: int, *, good: bool, measures: int) -> None:
        if not client:
            self.nameless += 1
            return
        known = self.met.get(client)
        if known is None:
            if not is_within(client, self.level):
                return
            known = self.met[client] = (stratum, [0] * measures, [0] * measures)
            while len(self.met) > CLIENTS_LIMIT:
                self.level += 1
                self.met = {one: met for one, met in self.met.items() if is_within(one, self.level)}
        if known[0] == stratum:
            known[1][place] += 1
            known[2][place] += not good


class ClientTable:
    """Counts into the minutes that run, and has those that are over."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        self._measures: tuple[str, ...] = ()
        self._offset_ns = 0
        self._key_id = ""
        self._begun: int | None = None
        self._running: _Table | None = None
        self._over: _Table | None = None

    def set_clock(self, unix_seconds: float, monotonic_ns: int) -> None:
        """Both of the same moment: minutes are those of the wall, and stamps are not.

        Told now and then. A clock that was put right begins the minutes anew, one that is slewed does not.
        """
        offset_ns = round(unix_seconds * _NS) - monotonic_ns
        if abs(offset_ns - self._offset_ns) > _STEP_NS:
            self._offset_ns = offset_ns
            self._begin_anew()

    def judge_by(self, measures: Sequence[str]) -> None:
        """By these objectives' keys from now on; what was counted by others is dropped."""
        known = tuple(measures[:MEASURES_LIMIT])
        if known != self._measures:
            self._measures = known
            self._begin_anew()

    def place_of(self, measure: str) -> int | None:
        """Of one of them; None where it is not judged by."""
        return self._measures.index(measure) if measure in self._measures else None

    def name_by(self, header: str, key_id: str, key: bytes) -> None:
        """Clients are known by this header under this key; empty ones end the counting."""
        self._naming.set(header, key)
        key_id = key_id if self._naming.header else ""
        if key_id != self._key_id:
            self._key_id = key_id
            self._begin_anew()

    def erase(self, value: str) -> int:
        """Forget the client with this value of the header, as people write it; how many figures it had."""
        client = self._naming.name_of(value)
        tables = [one for one in (self._running, self._over) if one is not None]
        return sum(one.met.pop(client, None) is not None for one in tables) if client else 0

    def judged(self, exchange: Exchange, place: int, at_ns: int, *, good: bool) -> None:
        """One objective has judged one request."""
        if not self._key_id or place >= len(self._measures):
            return
        table = self._at(at_ns)
        if table is not None:
            table.take(exchange.client, _stratum(exchange), place, good=good, measures=len(self._measures))

    def report(self, now_ns: int, sealing_key: bytes) -> Clients:
        """As of `now_ns`."""
        if not self._key_id:
            return Clients(sealing_key)
        self._at(now_ns)
        over = self._over
        if over is None:
            return Clients(sealing_key, self._key_id)
        return Clients(
            sealing_key=sealing_key,
            key_id=self._key_id,
            minutes=over.minutes,
            level=over.level,
            measures=self._measures,
            met={
                client: ClientMet(stratum, tuple(events), tuple(bad))
                for client, (stratum, events, bad) in over.met.items()
            },
            nameless=over.nameless,
        )

    def _begin_anew(self) -> None:
        self._running = self._over = None
        self._begun = None

    def _at(self, at_ns: int) -> _Table | None:
        """The table of these minutes; None for those in which counting began, and for any that are over."""
        minutes = (at_ns + self._offset_ns) // (MINUTES_SECONDS * _NS)
        if self._begun is None:
            self._begun = minutes
        if minutes <= self._begun:
            return None
        running = self._running
        if running is None or minutes > running.minutes:
            level = 0
            if running is not None:
                self._over = running if running.minutes == minutes - 1 else _Table(minutes - 1, 0)
                few = len(running.met) < CLIENTS_LIMIT // 4
                level = max(0, running.level - few)
            elif minutes - 1 > self._begun:
                self._over = _Table(minutes - 1, 0)  # nothing happened in them
            running = self._running = _Table(minutes, level)
        return running if minutes == running.minutes else None


def _stratum(exchange: Exchange) -> int:
    size = sum(exchange.request_bytes >= bound for bound in _SIZES)
    return size + (len(_SIZES) + 1) * (exchange.operation != "chat")
