"""Counts what detectors find: which exchanges are looked at, with how much CPU, and the sums of a report.

Ended exchanges wait in a bounded queue with their text; `work` takes them in slices, so that neither reading
nor answering waits for a detector. Where SHARE of one core does not suffice for all, a share of the exchanges
is drawn at random and that share is said; figures are of those looked at. Text that waits, in flight or in
the queue, takes at most ROOM_BYTES; beyond that it is given up, the largest first.
"""

from __future__ import annotations

import random
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import msgspec

from llmmonitor_api.configuration import InteractionsSetting
from llmmonitor_api.interactions.kinds import BY_NAME, KINDS
from llmmonitor_api.report.interactions import (
    FINDINGS_LIMIT,
    KINDS_LIMIT,
    InteractionCounts,
    InteractionsState,
    KindCounts,
    finding_key,
)
from llmmonitor_api.report.totals import Totals
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome
from llmmonitor_sidecar.detectors.call_text import readable
from llmmonitor_sidecar.detectors.finding import Heard
from llmmonitor_sidecar.detectors.inspect import Inspection, inspect, prepare
from llmmonitor_sidecar.detectors.own_patterns import OwnPattern, compiled
from llmmonitor_sidecar.detectors.said import Said
from llmmonitor_sidecar.detectors.turns import Turns
from llmmonitor_sidecar.review.buffer import ReviewBuffer
from llmmonitor_sidecar.signals.client_counts import ClientCounts

SHARE = 0.1
"""Of one core, that detectors may take."""
SLICE_NANOSECONDS = 5_000_000
"""CPU that one call of `work` may take, and an exchange more."""
WAITING_LIMIT = 512
ROOM_BYTES = 24 * 1024 * 1024
_FEWEST = 0.001
"""The smallest share drawn."""
_NS = 1e-9
_NOT_LOOKED_AT = frozenset({Outcome.NOT_ANALYSED, Outcome.MALFORMED, Outcome.CLIENT_ERROR})


@dataclass(slots=True)
class _Waiting:
    said: Said
    heard: Heard
    client: str
    """Its address."""
    named: str
    """Its keyed hash by a header; empty where it has none."""
    ended_seconds: float


class Interactions:
    """Told of every event; its owner calls `tick` and `work` now and then. From one thread."""

    def __init__(
        self,
        totals: Totals,
        seed: int | None = None,
        then: Callable[[Heard, Inspection], None] = lambda _heard, _inspection: None,
    ) -> None:
        """`then` is told of every exchange that was looked at; its CPU counts as the detectors' own."""
        self._totals = totals
        self._then = then
        self._kinds: dict[str, KindCounts] = {kind.name: KindCounts() for kind in KINDS}
        self._findings: Counter[str] = Counter()
        self._counts = InteractionCounts()
        self._turns = Turns(secrets.token_bytes(32))
        self._clients = ClientCounts()
        self._patterns: tuple[OwnPattern, ...] = ()
        self._refused: dict[str, str] = {}
        self._waiting: deque[_Waiting] = deque()
        self.review = ReviewBuffer(seed)
        self._draw = random.Random(seed)  # noqa: S311 - a sample, no secret
        self._share = 1.0
        self._spent_ns = 0
        self._measured_from_ns = 0
        self._publish()

    def configure(self, setting: InteractionsSetting) -> None:
        """Look for these patterns from now on."""
        self._patterns, self._refused = compiled(setting.patterns)
        self._clients.configure(setting.window_seconds)
        for pattern in self._patterns:  # counts of those that are gone stay: a report never goes back
            if len(self._kinds) < KINDS_LIMIT:
                self._kinds.setdefault(pattern.kind, KindCounts())
        self._publish()

    def handle(self, event: ExchangeEvent, client: str = "") -> None:
        """An exchange that ended waits to be looked at, if it is drawn."""
        exchange = event.exchange
        if event.kind is not EventKind.ENDED or not exchange.generates:
            return
        said, exchange.said = exchange.said, None
        self._counts = msgspec.structs.replace(self._counts, exchanges=self._counts.exchanges + 1)
        readable = said is not None and not said.forgotten and exchange.outcome not in _NOT_LOOKED_AT
        at_seconds = event.at_ns * _NS
        if not readable or len(self._waiting) >= WAITING_LIMIT or self._draw.random() >= self._share:
            self._clients.count(client, frozenset(), at_seconds)
        elif said is not None:
            heard = _heard(exchange, said)
            self._waiting.append(_Waiting(said, heard, client, exchange.client, at_seconds))

    def tick(self, in_flight: Iterable[Exchange], now_ns: int) -> None:
        """Bound the text that waits, and draw as many exchanges as there is CPU for."""
        held = [one.said for one in in_flight if one.said is not None]
        sizes = sorted(((one.kept_bytes, place) for place, one in enumerate(held)), reverse=True)
        room = ROOM_BYTES - sum(one.said.kept_bytes for one in self._waiting)
        surplus = sum(size for size, _ in sizes) - room
        for size, place in sizes:
            if surplus <= 0:
                break
            held[place].forget()
            surplus -= size
        self.review.tick(now_ns * _NS)
        self._adapt(now_ns)

    def work(self) -> bool:
        """Look at some of what waits; whether more does."""
        began = time.thread_time_ns()
        while self._waiting and time.thread_time_ns() - began < SLICE_NANOSECONDS:
            self._look(self._waiting.popleft())
        self._publish()
        return bool(self._waiting)

    def erase(self, address: str, named: str, now_ns: int) -> tuple[int, int]:
        """Forget the client at `address`, and the one known as `named`: cases and figures that went.

        Args:
            address: of one client.
            named: a keyed hash of its header; empty: of nobody.
            now_ns: CLOCK_MONOTONIC.
        """
        waiting = len(self._waiting)
        self._waiting = deque(
            one for one in self._waiting if one.client != address and not (named and one.named == named)
        )
        cases = self.review.erase(self._clients.name(address, now_ns * _NS)) + self.review.erase(named)
        return cases + waiting - len(self._waiting), self._clients.erase(address)

    def state(self, now_ns: int) -> InteractionsState:
        """As of now."""
        return InteractionsState(
            sampled_share=self._share,
            waiting=len(self._waiting),
            clients=self._clients.seen(now_ns * _NS),
            refused_patterns=self._refused,
        )

    def _look(self, one: _Waiting) -> None:
        prepare()
        began = time.thread_time_ns()
        messages = one.said.messages
        heard = replace(
            one.heard,
            context=messages,
            new=self._turns.new(messages, one.ended_seconds),
            answers=one.said.answers() if one.heard.complete else (),
            calls=tuple(map(readable, one.said.calls())) if one.heard.complete else (),
        )
        inspection = inspect(heard, self._patterns, time.thread_time_ns)
        self._then(heard, inspection)
        took = time.thread_time_ns() - began
        self._spent_ns += took
        counts = self._counts
        self._counts = msgspec.structs.replace(
            counts,
            looked_at=counts.looked_at + 1,
            cut_short=counts.cut_short + inspection.cut_short,
            read_in_part=counts.read_in_part + heard.read_in_part,
            text_characters=counts.text_characters + heard.characters,
            cpu_nanoseconds=counts.cpu_nanoseconds + took,
        )
        self._count(inspection, answered=heard.complete)
        if self.review.is_on:
            client = one.named or self._clients.name(one.client, one.ended_seconds)
            self.review.take(heard, inspection.findings, client, one.ended_seconds)
        self._clients.count(
            one.client, frozenset(found.kind for found in inspection.findings), one.ended_seconds
        )

    def _count(self, inspection: Inspection, *, answered: bool) -> None:
        flagged = {one.kind for one in inspection.findings}
        verified = {one.kind for one in inspection.findings if one.verified} | inspection.complied
        looked_for = {one.kind for one in self._patterns} | {
            name for name, kind in BY_NAME.items() if answered or not kind.of_answers
        }
        for name, known in self._kinds.items():
            if name in looked_for or name in flagged:
                self._kinds[name] = KindCounts(
                    looked_at=known.looked_at + 1,
                    flagged=known.flagged + (name in flagged),
                    verified=known.verified + (name in verified and name in flagged),
                    complied=known.complied + (name in inspection.complied),
                )
        keys = {finding_key(one.kind, one.detector, one.version, one.origin) for one in inspection.findings}
        for key in keys:
            if key in self._findings or len(self._findings) < FINDINGS_LIMIT:
                self._findings[key] += 1

    def _adapt(self, now_ns: int) -> None:
        elapsed = now_ns - self._measured_from_ns
        if not self._measured_from_ns or elapsed < 1 / _NS:
            self._measured_from_ns = self._measured_from_ns or now_ns
            return
        needed = self._spent_ns / self._share
        if len(self._waiting) > WAITING_LIMIT // 2:
            self._share = max(_FEWEST, self._share / 2)
        elif needed:
            wanted = min(1.0, SHARE * elapsed / needed)
            self._share = (
                max(_FEWEST, (self._share + wanted) / 2) if wanted < 1 else min(1.0, self._share * 2)
            )
        else:
            self._share = min(1.0, self._share * 2)
        self._spent_ns, self._measured_from_ns = 0, now_ns

    def _publish(self) -> None:
        self._totals.interactions = msgspec.structs.replace(
            self._counts, kinds=dict(self._kinds), findings=dict(self._findings)
        )


def _heard(exchange: Exchange, said: Said) -> Heard:
    complete = exchange.outcome is Outcome.OK
    return Heard(
        complete=complete,
        refused=said.refused,
        empty=exchange.empty,
        finish_reasons=exchange.finish_reasons if complete else (),
    )
