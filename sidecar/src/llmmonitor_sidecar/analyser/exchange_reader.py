"""One exchange from its request's head to its end: chooses how bodies are read, and settles the outcome.

Between HTTP (`connection.py`), which knows messages and not their meaning, and the dialects, which know
meaning and no bytes on a wire. Whatever can't be read ends only this exchange's figures, with a reason; the
connection goes on.
"""

from __future__ import annotations

from llmmonitor_sidecar.analyser import limits
from llmmonitor_sidecar.analyser.asked import read_asked
from llmmonitor_sidecar.analyser.body import BodyKeeper
from llmmonitor_sidecar.analyser.dialects.route import Answer, Route
from llmmonitor_sidecar.analyser.encodings import BadEncoding, Decoder, decoder_for
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, Outcome
from llmmonitor_sidecar.analyser.http1 import Head
from llmmonitor_sidecar.analyser.json_reading import NotJson
from llmmonitor_sidecar.analyser.ndjson import NdjsonReader
from llmmonitor_sidecar.analyser.outcomes import error_of_body, outcome_of_status
from llmmonitor_sidecar.analyser.progress import Emit, Progress
from llmmonitor_sidecar.analyser.sse import SseReader

_REDIRECTION = 300
"""RFC 9110, section 15.4: from here on the answer is elsewhere."""


class ExchangeReader:
    """Fills one `Exchange`; tells of it by `emit`.

    `client_left_ns` is when the client closed its side, 0 while it has not: it may still wait for the answer,
    but a server that then ends it with nothing said has given up an abandoned request, and nobody's fault.
    """

    __slots__ = (
        "_answer",
        "_answer_body",
        "_decoder",
        "_emit",
        "_events",
        "_request_body",
        "_request_decoder",
        "_route",
        "client_left_ns",
        "ended",
        "exchange",
        "response_head_seen",
    )

    def __init__(self, exchange: Exchange, route: Route, head: Head, emit: Emit) -> None:
        self.exchange = exchange
        self.client_left_ns = 0
        self.ended = False
        self.response_head_seen = False
        self._route = route
        self._emit = emit
        self._answer: Answer | None = None
        self._answer_body: BodyKeeper | None = None
        self._events: SseReader | NdjsonReader | None = None
        self._decoder: Decoder | None = None
        self._request_decoder: Decoder | None = None
        self._request_body: BodyKeeper | None = None
        if route.reads_request:
            try:
                self._request_decoder = decoder_for(head.header(b"content-encoding"))
                self._request_body = BodyKeeper(limits.REQUEST_BODY_BYTES)
            except BadEncoding as bad:
                exchange.malformed_reason = bad.reason

    @property
    def buffered_bytes(self) -> int:
        """Memory held for bodies that are not complete."""
        bodies = sum(body.kept_bytes for body in (self._request_body, self._answer_body) if body)
        bodies += self.exchange.said.kept_bytes if self.exchange.said is not None else 0
        return bodies + (self._answer.progress.form.kept_bytes if self._answer is not None else 0)

    def request_body(self, data: bytes) -> None:
        """Take a piece of the request's body."""
        body = self._request_body
        if body is None:
            return
        if self._request_decoder is None:
            body.feed(data)
            return
        try:
            for piece in self._request_decoder.decode(data):
                body.feed(piece)
        except BadEncoding as bad:
            self.exchange.malformed_reason = bad.reason
            self._request_body = None

    def request_complete(self, at_ns: int) -> None:
        """The last byte of the request was seen."""
        if self.ended:
            return
        exchange = self.exchange
        body, self._request_body = self._request_body, None
        exchange.request_bytes = body.size if body is not None else 0
        if body is not None and not body.whole:
            exchange.request_model = body.search_model()
            exchange.stream = body.search_stream()
            exchange.malformed_reason = "request_too_long"
        elif body is not None and body.size:
            self._read_request(body.take())
        exchange.request_ended_ns = at_ns
        self._emit(EventKind.REQUEST_ENDED, exchange, at_ns)
        if exchange.first_token_ns:
            self._emit(EventKind.FIRST_TOKEN, exchange, at_ns)

    def response_head(self, head: Head, at_ns: int) -> None:
        """The final answer's head is complete."""
        exchange = self.exchange
        self.response_head_seen = True
        exchange.status = head.status
        if not exchange.response_began_ns:
            exchange.response_began_ns = at_ns
        outcome = outcome_of_status(head.status)
        if outcome is not Outcome.OK:
            exchange.error_type = str(head.status)
            self._answer_body = BodyKeeper(limits.ERROR_BODY_BYTES)
        elif self._route.answer is not None and head.status < _REDIRECTION:
            self._answer = self._route.answer(Progress(exchange, self._emit))
            self._choose_reader(head.header(b"content-type").partition(";")[0].strip().lower())
        else:
            return
        try:
            self._decoder = decoder_for(head.header(b"content-encoding"))
        except BadEncoding as bad:
            self._give_up(bad.reason, at_ns)

    def response_body(self, data: bytes, at_ns: int) -> None:
        """Take a piece of the answer's body."""
        if self._decoder is None:
            self._take_body(data, at_ns)
            return
        try:
            for piece in self._decoder.decode(data):
                self._take_body(piece, at_ns)
        except BadEncoding as bad:
            self._give_up(bad.reason, at_ns)

    def response_complete(self, at_ns: int) -> None:
        """The last byte of the answer was seen, or the end of the connection that ends it."""
        if self.ended:
            return
        exchange, answer = self.exchange, self._answer
        outcome = outcome_of_status(exchange.status)
        if self._events is not None and answer is not None:
            if isinstance(self._events, NdjsonReader):
                self._take_events(self._events.rest(), at_ns)
            if not self._said_all() and answer.error is None and exchange.generates and not self.ended:
                outcome = Outcome.ABORTED if self.client_left_ns else Outcome.CUT_OFF
                if outcome is Outcome.CUT_OFF:
                    exchange.error_type = "stream_incomplete"
        elif self._answer_body is not None:
            left_unanswered = self.client_left_ns and exchange.generates and not self._answer_body.size
            outcome = self._settle_body(self._answer_body, outcome)
            if left_unanswered and outcome is Outcome.OK:  # llama.cpp says 200 and nothing
                outcome = Outcome.ABORTED
        self.end(outcome, at_ns)

    def end(self, outcome: Outcome, at_ns: int, reason: str | None = None) -> None:
        """Make `outcome` final, unless one already is; an error that a stream itself told of comes first."""
        if self.ended:
            return
        self.ended = True
        exchange, answer = self.exchange, self._answer
        if outcome is Outcome.ABORTED and self.client_left_ns:
            at_ns = max(self.client_left_ns, exchange.last_token_ns)
        if answer is not None and answer.error is not None:
            outcome, exchange.error_type = answer.error
        elif outcome in (Outcome.ABORTED, Outcome.CUT_OFF) and self._said_all():
            outcome = Outcome.OK  # clients hang up on the last event, not on the last byte
        exchange.outcome = outcome
        exchange.ended_ns = at_ns
        if reason is not None:
            exchange.malformed_reason = reason
        if self._events is not None and self._events.oversize_events and exchange.malformed_reason is None:
            exchange.malformed_reason = "event_too_large"
        if answer is not None:
            answer.progress.settle()
        self._answer_body = self._request_body = self._events = self._decoder = None
        self._emit(EventKind.ENDED, exchange, at_ns)

    def _said_all(self) -> bool:
        answer = self._answer
        return (
            self._events is not None and answer is not None and (answer.complete or answer.progress.finished)
        )

    def _read_request(self, data: bytes) -> None:
        route = self._route
        try:
            if route.refine is not None:
                route = self._route = route.refine(data)
                self.exchange.dialect = route.dialect
                self.exchange.operation = route.operation
                self.exchange.generates = route.generates
            if route.request is not None:
                route.request(self.exchange, data)
            if route.generates:
                read_asked(self.exchange, data)
        except NotJson as bad:
            self.exchange.malformed_reason = f"request_{bad.reason}"

    def _choose_reader(self, content_type: str) -> None:
        exchange = self.exchange
        if content_type == "text/event-stream":
            self._events = SseReader()
        elif content_type in ("application/x-ndjson", "application/jsonl") or (
            exchange.stream and self._route.streams_lines
        ):
            self._events = NdjsonReader()
        exchange.stream = self._events is not None
        if self._events is None:
            self._answer_body = BodyKeeper(limits.ANSWER_BODY_BYTES)

    def _take_body(self, data: bytes, at_ns: int) -> None:
        events = self._events
        if events is not None:
            self._take_events(events.feed(data), at_ns)
        elif self._answer_body is not None:
            self._answer_body.feed(data)

    def _take_events(self, events: list[tuple[bytes, bytes]], at_ns: int) -> None:
        answer = self._answer
        if answer is None:
            return
        for name, payload in events:
            try:
                answer.event(name, payload, at_ns)
            except NotJson as bad:  # one event less; what the server counts at the end still holds
                self.exchange.malformed_reason = self.exchange.malformed_reason or f"event_{bad.reason}"

    def _settle_body(self, body: BodyKeeper, outcome: Outcome) -> Outcome:
        exchange, answer = self.exchange, self._answer
        if answer is None:
            if body.whole and body.size:
                exchange.error_type = error_of_body(body.take(), exchange.status)
            return outcome
        if not body.whole:
            exchange.response_model = body.search_model()
            usage = body.search_usage()
            try:
                if usage is not None:
                    answer.usage(usage)
            except NotJson:
                exchange.malformed_reason = "answer_too_long"
            answer.progress.had_output = True
            return outcome
        try:
            if body.size:
                answer.body(body.take())
        except NotJson as bad:
            if exchange.generates:
                exchange.malformed_reason = f"answer_{bad.reason}"
                return Outcome.MALFORMED
        return outcome

    def _give_up(self, reason: str, at_ns: int) -> None:
        """Stop reading the answer: a stream that can't be read would look stalled, so it ends here."""
        if self._events is not None:
            self.end(Outcome.MALFORMED, at_ns, reason)
        else:
            self.exchange.malformed_reason = reason
        self._answer_body = self._events = self._answer = None
