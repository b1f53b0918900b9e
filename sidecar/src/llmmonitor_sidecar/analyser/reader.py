"""Routes what the relay copied to one analyser per connection, and what they find to the signals.

No I/O and no clock: `take` gets records, `tick` gets the watermark, the time up to which everything has been
read. Bounded: past CONNECTIONS_LIMIT a new connection is counted as shed and not looked at, and `shed_all`
gives up what is buffered when the process grows too large. A connection that was open before this process
started, or that lost copies, is counted and never guessed at.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.interactions import InteractionsState
from llmmonitor_api.report.live_outcomes import MEASURES
from llmmonitor_api.report.report import Engine, Live, Saturation
from llmmonitor_api.report.totals import Totals
from llmmonitor_sidecar.analyser.connection import ConnectionAnalyser
from llmmonitor_sidecar.analyser.exchange import EventKind, ExchangeEvent
from llmmonitor_sidecar.analyser.preface import Protocol
from llmmonitor_sidecar.signals.busy import BusyTime, at_work
from llmmonitor_sidecar.signals.clients import ClientTable
from llmmonitor_sidecar.signals.features import Features
from llmmonitor_sidecar.signals.forwarded import Proxies
from llmmonitor_sidecar.signals.interactions import Interactions
from llmmonitor_sidecar.signals.judgements import Sample
from llmmonitor_sidecar.signals.live import InFlight
from llmmonitor_sidecar.signals.live_outcomes import LiveOutcomeCounter
from llmmonitor_sidecar.signals.models import ModelNames
from llmmonitor_sidecar.signals.naming import Naming
from llmmonitor_sidecar.signals.objectives import Objectives
from llmmonitor_sidecar.signals.probes_in_flight import ProbesInFlight
from llmmonitor_sidecar.signals.request_checks import RequestChecks
from llmmonitor_sidecar.signals.saturation import EngineLoad
from llmmonitor_sidecar.signals.system_fingerprint import SystemFingerprint
from llmmonitor_sidecar.signals.traffic import REASONS_LIMIT, Traffic
from llmmonitor_sidecar.tee import CloseReason, Kind, TeeRecord, decode_addresses

CONNECTIONS_LIMIT = 8_192
PARSER_DEFECT = "parser_defect"
"""The reason under which exchanges are counted that a defect of ours kept from being read."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Connection:
    analyser: ConnectionAnalyser
    client: str = ""
    """Its address."""
    protocol: str = ""
    """As counted already; only what is not HTTP/1 is."""


class TrafficReader:
    """From tee records to totals and gauges. Its owner calls `take`, then `tick`, from one thread."""

    def __init__(self, is_probe: Callable[[str], bool] = lambda _mark: False) -> None:
        """`is_probe` tells whether a request's mark is that of a probe of ours, each mark once."""
        self.totals = Totals()
        self._is_probe = is_probe
        self._probes: set[tuple[int, int]] = set()
        self.models = ModelNames()
        self._traffic = Traffic(self.totals, self.models)
        self.features = Features(self.totals.features)
        self._in_flight = InFlight()
        self._busy = BusyTime(self.totals)
        self._engine_at_work: bool | None = None
        self._probing = ProbesInFlight()
        self._naming = Naming()
        self._proxies = Proxies()
        self.clients = ClientTable(self._naming)
        self._objectives = Objectives(self.totals, self.clients)
        self.outcomes = LiveOutcomeCounter(self.totals, self.clients)
        self._interactions = Interactions(self.totals, then=self.features.looked_at)
        self.review = self._interactions.review
        self._checks = RequestChecks(self.totals)
        self._engine_load = EngineLoad()
        self._system = SystemFingerprint()
        self._saturation: Saturation | None = None
        self._connections: dict[int, _Connection] = {}
        self._ignored: set[int] = set()
        self._opaque: set[int] = set()

    def configure(self, configuration: Configuration) -> None:
        """Count these objectives, and look for these patterns, from now on."""
        outcomes = MEASURES if configuration.outcomes is not None else ()
        self._objectives.configure(configuration.counted, outcomes)
        self._interactions.configure(configuration.interactions)
        self.outcomes.configure(configuration.outcomes)
        self.features.configure(configuration.drift_features)
        self.review.configure(configuration.review)
        self._checks.configure(configuration.requests)
        self._proxies.set(configuration.trusted_proxies)

    def take(self, records: Iterable[TeeRecord]) -> None:
        """Everything these records say."""
        connections = self._connections
        for record in records:
            kind, number = record.kind, record.connection
            connection = connections.get(number)
            if connection is None:
                self._unknown(record)
                continue
            try:
                self._take(connection, kind, record)
            except Exception as error:  # noqa: BLE001 - a defect costs this connection, never the analyser
                _log.error(
                    "connection %d: the parser failed; it is read no further: %s", number, _where(error)
                )
                self.totals.interception.malformed.record(PARSER_DEFECT, REASONS_LIMIT)
                if kind != Kind.CLOSE:
                    self._ignored.add(number)
                self._give_up(number, connection, record.at_ns)
            else:
                if kind == Kind.CLOSE:
                    del connections[number]
                    self._opaque.discard(number)

    def _take(self, connection: _Connection, kind: int, record: TeeRecord) -> None:
        analyser = connection.analyser
        if kind == Kind.DATA:
            events = analyser.feed(record.direction, record.at_ns, record.payload)
            if events:
                self._handle(events, connection.client)
            if analyser.protocol != connection.protocol:
                self._protocol_known(connection, record.connection)
        elif kind == Kind.EOF:
            self._handle(analyser.eof(record.direction, record.at_ns), connection.client)
        elif kind == Kind.CLOSE:
            if record.payload in (CloseReason.REFUSED, CloseReason.TIMEOUT):
                self._objectives.refused()
            self._handle(analyser.close(record.payload.decode(), record.at_ns), connection.client)
        elif kind == Kind.LOST:
            self._handle(analyser.lost(record.at_ns), connection.client)

    def _give_up(self, number: int, connection: _Connection, at_ns: int) -> None:
        """Read this connection no further."""
        del self._connections[number]
        self._opaque.discard(number)
        try:
            self._handle(connection.analyser.lost(at_ns), connection.client)
        except Exception as error:  # noqa: BLE001 - the same defect, or another: neither may end the analyser
            _log.error("connection %d: the parser failed when it was given up: %s", number, _where(error))

    def tick(self, now_ns: int, *, all_passes: bool = True) -> None:
        """Look at what is still in flight as of `now_ns`.

        Args:
            now_ns: CLOCK_MONOTONIC, up to which everything was read.
            all_passes: whether no connection reaches the model past the relay.
        """
        self._busy.look(
            now_ns,
            len(self._in_flight),
            all_is_read=all_passes and not self._ignored and not self._opaque,
            engine_at_work=self._engine_at_work,
        )
        for exchange in self._in_flight:
            self._traffic.drain(exchange)
        self._objectives.tick(self._in_flight, now_ns)
        self._interactions.tick(self._in_flight, now_ns)

    def inspect(self) -> bool:
        """Let detectors and checks look at some of what was said; whether more of it waits."""
        more = self._interactions.work()
        return self._checks.work() or more

    def interactions(self, now_ns: int) -> InteractionsState:
        """How detectors are doing as of `now_ns`."""
        return self._interactions.state(now_ns)

    def erase(self, client: str, now_ns: int) -> tuple[int, int]:
        """Forget the client with this address, or this value of its header: cases and figures that went."""
        cases, figures = self._interactions.erase(client, self._naming.name_of(client), now_ns)
        return cases, figures + self.clients.erase(client)

    def sample(self, sample: Sample, now_ns: int) -> None:
        """One look at the engine's gauges, once per resource interval."""
        self._objectives.sample(sample)
        self._checks.engine_is(sample.engine)
        self._saturation = self._engine_load.look(sample.engine, now_ns)
        self._engine_at_work = at_work(sample.engine, self._probing.at(_asked_ns(sample.engine, now_ns)))
        if sample.engine is not None:
            self._in_flight.engine_counted(sample.engine.generation_tokens, now_ns)

    def probe(self, began: int, now_ns: int) -> None:
        """A probe of ours went out (1) or came to its end (-1), past the relay."""
        self._probing.step(began, now_ns)
        self._busy.step(now_ns, len(self._in_flight), probing=self._probing.in_flight > 0)

    def live(self, now_ns: int) -> Live:
        """What is going on as of `now_ns`."""
        return msgspec.structs.replace(self._in_flight.live(now_ns), saturation=self._saturation)

    @property
    def system_fingerprint(self) -> str:
        """What answers call the system that made them; empty while none has."""
        return self._system.current

    def tokens_so_far(self) -> int:
        """Completion tokens of ended exchanges and of those in flight, as far as seen on the wire."""
        ended = sum(
            series.completion_tokens_exact + series.completion_tokens_counted
            for series in self.totals.traffic.values()
        )
        flying = sum(choice.tokens for exchange in self._in_flight for choice in exchange.choices.values())
        return ended + flying

    def shed_all(self, now_ns: int) -> None:
        """Give up every connection's state: memory matters more than figures."""
        self.totals.interception.shed_connections += len(self._connections)
        for number, connection in list(self._connections.items()):
            self._ignored.add(number)
            self._give_up(number, connection, now_ns)

    def _unknown(self, record: TeeRecord) -> None:
        number = record.connection
        if record.kind == Kind.CLOSE:
            self._ignored.discard(number)
        elif number in self._ignored:
            return
        elif record.kind == Kind.OPEN and len(self._connections) < CONNECTIONS_LIMIT:
            client = _client_of(record.payload)
            analyser = ConnectionAnalyser(number, self._naming, client, self._proxies)
            self._connections[number] = _Connection(analyser, client)
        else:
            self._ignored.add(number)
            if record.kind == Kind.OPEN:
                self.totals.interception.shed_connections += 1
            else:
                self.totals.interception.unknown_connections += 1

    def _protocol_known(self, connection: _Connection, number: int) -> None:
        connection.protocol = connection.analyser.protocol
        if connection.protocol not in (Protocol.HTTP1, Protocol.UNKNOWN):
            opaque = self.totals.interception.opaque_connections
            opaque[connection.protocol] = opaque.get(connection.protocol, 0) + 1
            self._opaque.add(number)

    def _handle(self, events: list[ExchangeEvent], connection: str) -> None:
        """`connection`: the address that it is from."""
        for event in events:
            if event.exchange.probe_mark and self._is_ours(event):
                continue
            self._in_flight.handle(event)
            self._busy.step(event.at_ns, len(self._in_flight), probing=self._probing.in_flight > 0)
            self._objectives.handle(event)
            self._traffic.handle(event)
            self.features.handle(event)
            self._system.handle(event)
            client = event.exchange.address or connection
            self.outcomes.handle(event, client)  # before the detectors, which take the text away
            self._checks.handle(event)  # before its text is taken away
            self._interactions.handle(event, client)

    def _is_ours(self, event: ExchangeEvent) -> bool:
        """Whether it is of a probe of ours that came through the relay all the same."""
        key = event.exchange.connection, event.exchange.number
        if event.kind is EventKind.ENDED:
            known = key in self._probes
            self._probes.discard(key)
            return known or (
                not event.exchange.request_ended_ns and self._is_probe(event.exchange.probe_mark)
            )
        if key not in self._probes and self._is_probe(event.exchange.probe_mark):
            self._probes.add(key)
        return key in self._probes


def _asked_ns(engine: Engine | None, now_ns: int) -> int:
    """When the engine said what it says."""
    age = (engine.scraped_age_seconds if engine is not None else None) or 0.0
    return now_ns - int(age * 1e9)


def _client_of(opened: bytes) -> str:
    """The client's address; empty where the record does not say."""
    try:
        return decode_addresses(opened).client_host
    except ValueError:
        return ""


def _where(error: Exception) -> str:
    """What failed and where, without the error's words, which may quote what was said."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}".rstrip()
