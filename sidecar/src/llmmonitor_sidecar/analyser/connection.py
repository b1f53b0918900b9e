"""One client connection: bytes of both directions in, what became known about its exchanges out.

Theory of operation. Requests are paired with answers in order (RFC 9112, section 9.3): each request's head
adds an `ExchangeReader` to a queue, each final answer belongs to the first of the queue. The two directions
are stamped and ordered by the relay; nothing here reads a clock or a socket.

    first bytes ── HTTP/1 ──► exchanges, until the end of the connection
        │                        ├─ 101 or CONNECT ──► opaque (another protocol, not read)
        ├─ h2, TLS, other ──► opaque
        └─ copies lost, or input that can't be followed ──► ignored: open exchanges end as such

How an exchange ends: by its complete answer; else by who went away first. A client's half-close alone is no
abort (it may wait for the answer), but when the answer then stays incomplete, the client left first; also
when the server closes it properly with nothing in it, as llama.cpp does with requests that it gives up.
"""

from __future__ import annotations

from collections import deque

from llmmonitor_sidecar.analyser import limits
from llmmonitor_sidecar.analyser.dialects.table import route_for
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome
from llmmonitor_sidecar.analyser.exchange_reader import ExchangeReader
from llmmonitor_sidecar.analyser.http1 import REQUEST, RESPONSE, Head, Malformed, MessageReader
from llmmonitor_sidecar.analyser.preface import Protocol, recognise
from llmmonitor_sidecar.analyser.responses import Responses
from llmmonitor_sidecar.signals.forwarded import HEADER, NO_PROXIES, Proxies
from llmmonitor_sidecar.signals.naming import NOBODY, Naming

_ENDED_BY_RELAY = {"stopped": "relay_stopped", "relay_died": "relay_died"}
"""The relay's reason for a connection's end, and the exchange's."""


class ConnectionAnalyser:
    """Analyses one connection.

    Attributes:
        protocol: what is spoken, as far as known.
        malformed_reason: why analysis stopped before the connection's end, one of a few words; None
        otherwise. analysed: whether what arrives is still followed.
    """

    __slots__ = (
        "_at_ns",
        "_began_ns",
        "_client_eof_ns",
        "_connection",
        "_emitted",
        "_first",
        "_naming",
        "_next_number",
        "_peer",
        "_proxies",
        "_queue",
        "_requests",
        "_requests_over",
        "_responses",
        "_writing",
        "analysed",
        "malformed_reason",
        "protocol",
    )

    def __init__(
        self, connection_id: int, naming: Naming = NOBODY, peer: str = "", proxies: Proxies = NO_PROXIES
    ) -> None:
        """`peer`: the address that the connection is from."""
        self._connection = connection_id
        self._naming = naming
        self._peer, self._proxies = peer, proxies
        self._emitted: list[ExchangeEvent] = []
        self._queue: deque[ExchangeReader] = deque()
        self._writing: ExchangeReader | None = None
        self._next_number = 0
        self._at_ns = 0
        self._began_ns = 0
        self._client_eof_ns = 0
        self._first = b""
        self._requests: MessageReader | None = None
        self._requests_over = False
        self._responses: Responses | None = None
        self.analysed = True
        self.malformed_reason: str | None = None
        self.protocol = Protocol.UNKNOWN

    @property
    def buffered_bytes(self) -> int:
        """Memory held for bodies that are not complete: what the limits are tested by."""
        return sum(reader.buffered_bytes for reader in self._queue)

    def feed(self, direction: int, at_ns: int, data: bytes) -> list[ExchangeEvent]:
        """Take `data` read from the socket at `at_ns`; direction 0 is client to model, 1 model to client."""
        if not self.analysed or not data:
            return []
        self._at_ns = at_ns
        if direction == RESPONSE:
            self._feed_response(data)
        else:
            self._feed_request(data)
        return self._drain() if self._emitted else []

    def eof(self, direction: int, at_ns: int) -> list[ExchangeEvent]:
        """The sender of that direction closed it."""
        if not self.analysed:
            return []
        self._at_ns = at_ns
        if direction == RESPONSE:
            self._end_of_responses(Outcome.ABORTED if self._client_eof_ns else Outcome.CUT_OFF)
        elif not self._client_eof_ns:
            self._client_eof_ns = at_ns
            for reader in self._queue:
                reader.client_left_ns = at_ns
            if self._writing is not None:  # half a request: no answer can make it a whole one
                self._writing.end(Outcome.ABORTED, at_ns)
                self._writing = None
        return self._drain()

    def close(self, reason: str, at_ns: int) -> list[ExchangeEvent]:
        """The connection ended, for one of the relay's reasons.

        They are those of `tee.CloseReason`. What the relay ended, by stopping or dying, is not the model's.
        """
        self._at_ns = at_ns
        if reason in _ENDED_BY_RELAY:
            self._end_all(Outcome.NOT_ANALYSED, _ENDED_BY_RELAY[reason])
        elif reason == "client_reset":
            self._end_all(Outcome.ABORTED)
        elif reason == "eof":
            self._end_of_responses(Outcome.ABORTED if self._client_eof_ns else Outcome.CUT_OFF)
        else:
            self._end_all(Outcome.CUT_OFF)
        self._ignore()
        return self._drain()

    def lost(self, at_ns: int) -> list[ExchangeEvent]:
        """Copies were dropped: what is open ends as not analysed, and nothing more is read."""
        self._at_ns = at_ns
        self._give_up("copies_lost")
        return self._drain()

    # Told by the request reader.

    def on_begin(self) -> None:
        """The first byte of a request was seen."""
        self._began_ns = self._at_ns

    def on_head(self, head: Head) -> None:
        """A request's head is complete: an exchange begins.

        Raises:
            Malformed: more requests wait for an answer than are followed.
        """
        if len(self._queue) >= limits.PIPELINED_REQUESTS:
            raise Malformed("too_many_pipelined")
        route, model = route_for(head.method, head.target)
        exchange = Exchange(
            connection=self._connection,
            number=self._next_number,
            method=head.method,
            path=route.label,
            dialect=route.dialect,
            operation=route.operation,
            generates=route.generates,
            request_model=model,
            request_began_ns=self._began_ns,
            client=self._naming.name(head.header(self._naming.header)) if self._naming.header else "",
            address=self._proxies.client_of(self._peer, head.header(HEADER)) if self._proxies else "",
            probe_mark=head.header(b"llm-monitor-probe"),
        )
        self._next_number += 1
        self._writing = ExchangeReader(exchange, route, head, self._emit)
        self._queue.append(self._writing)
        if head.method == "HEAD" and self._responses is not None:
            self._responses.heads += 1

    def on_body(self, data: bytes) -> None:
        """A piece of a request's body."""
        if self._writing is not None:
            self._writing.request_body(data)

    def on_complete(self) -> None:
        """A request is complete."""
        if self._writing is not None:
            self._writing.request_complete(self._at_ns)
            self._writing = None

    def _feed_request(self, data: bytes) -> None:
        if self._requests is None:
            self._first += data
            self.protocol = recognise(self._first)
            if self.protocol is Protocol.UNKNOWN:
                return
            if self.protocol is not Protocol.HTTP1:
                self._ignore()
                return
            data, self._first = self._first, b""
            self._requests = MessageReader(REQUEST, self, self._naming, self._proxies)
            self._responses = Responses(self._queue)
        try:
            while data and not self._requests_over and not self._awaits_tunnel():
                other = self._requests.feed(data)
                # Where the request asks for another protocol: unless the answer agrees, HTTP follows.
                data = b"" if other is None else data[other:]
        except Malformed as bad:
            self._end_of_requests(bad.reason)

    def _awaits_tunnel(self) -> bool:
        return bool(self._queue) and self._queue[-1].exchange.method == "CONNECT"

    def _end_of_requests(self, reason: str) -> None:
        """No further request can be told; those complete may still be answered."""
        self._requests_over = True
        if self._writing is not None:
            self._writing.end(Outcome.MALFORMED, self._at_ns, reason)
            self._writing = None
        elif not self._next_number:
            self.protocol = Protocol.OPAQUE
        self.malformed_reason = reason
        if not self._queue:
            self._ignore()

    def _feed_response(self, data: bytes) -> None:
        responses = self._responses
        if responses is None:  # the server speaks first: no HTTP
            self.protocol = Protocol.OPAQUE
            self._ignore()
            return
        try:
            other = responses.feed(data, self._at_ns)
        except Malformed as bad:
            if self._queue:
                self._queue[0].end(Outcome.MALFORMED, self._at_ns, bad.reason)
            self._give_up(bad.reason)
            return
        if other is not None:
            self.protocol = other
            self._give_up(None)
        elif self._requests_over and not self._queue:
            self._ignore()

    def _end_of_responses(self, outcome: Outcome) -> None:
        if self._responses is not None:
            self._responses.eof(self._at_ns)
        self._end_all(outcome)

    def _end_all(self, outcome: Outcome, reason: str | None = None) -> None:
        for reader in self._queue:
            reader.end(outcome, self._at_ns, reason)
        self._queue.clear()
        self._writing = None

    def _give_up(self, reason: str | None) -> None:
        self._end_all(Outcome.NOT_ANALYSED, reason)
        if self.analysed:
            self.malformed_reason = self.malformed_reason or reason
        self._ignore()

    def _ignore(self) -> None:
        self.analysed = False
        for reader in (self._requests, self._responses):
            if reader is not None:
                reader.end()
        self._requests = self._responses = None
        self._first = b""

    def _emit(self, kind: EventKind, exchange: Exchange, at_ns: int) -> None:
        self._emitted.append(ExchangeEvent(kind, exchange, at_ns))

    def _drain(self) -> list[ExchangeEvent]:
        emitted, self._emitted = self._emitted, []
        return emitted
