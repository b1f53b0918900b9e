"""The model's side of a connection: which answer belongs to which request, and where each ends.

Three kinds of answer need care: interim ones (1xx) belong to no request's end; those to HEAD have the headers
of a body and no body; those without a length end with the connection (RFC 9112, section 6.3).
"""

from __future__ import annotations

from collections import deque

from llmmonitor_sidecar.analyser import limits
from llmmonitor_sidecar.analyser.exchange_reader import ExchangeReader
from llmmonitor_sidecar.analyser.http1 import RESPONSE, Head, Malformed, MessageReader, until_close
from llmmonitor_sidecar.analyser.preface import Protocol

_SWITCHING = 101
_FIRST_FINAL = 200
_FIRST_NOT_SUCCESS = 300
_HEAD_END = b"\r\n\r\n"


class Responses:
    """Reads answers and gives each to the first exchange of `queue`, removing it when complete.

    `heads` is how many of the queue are HEAD requests; whoever adds to the queue counts them.
    """

    __slots__ = (
        "_at_ns",
        "_began_ns",
        "_held",
        "_interim",
        "_other",
        "_parser",
        "_queue",
        "_reading",
        "_until_close",
        "heads",
    )

    def __init__(self, queue: deque[ExchangeReader]) -> None:
        self._queue = queue
        self._parser = MessageReader(RESPONSE, self)
        self._reading: ExchangeReader | None = None
        self._interim = False
        self._until_close = False
        self._held = bytearray()
        self._at_ns = 0
        self._began_ns = 0
        self._other: Protocol | None = None
        self.heads = 0

    def feed(self, data: bytes, at_ns: int) -> Protocol | None:
        """Take what arrived; return what the connection speaks from here on when it is no longer HTTP/1.

        Raises:
            Malformed: what follows can't be told.
        """
        self._at_ns = at_ns
        if self._reading is not None and not self.heads:  # a body goes on: the way of nearly all data
            return Protocol.UPGRADED if self._parser.feed(data) is not None else self._other
        while data and self._other is None:
            if self._reading is None and self._head_only_next():
                data = self._feed_head_only(data)
                continue
            # Pipelined behind other answers, one to HEAD may begin at any byte: rare, so it may be slow.
            step = data[:1] if self.heads else data
            if self._parser.feed(step) is not None:
                return Protocol.UPGRADED
            data = data[len(step) :]
        return self._other

    def eof(self, at_ns: int) -> None:
        """The server closed its side: completes an answer that this ends."""
        self._at_ns = at_ns
        if self._reading is not None and self._until_close:
            self.on_complete()

    def end(self) -> None:
        """Nothing more is fed."""
        self._parser.end()
        del self._parser

    # Told by the parser.

    def on_begin(self) -> None:
        """The first byte of an answer was seen."""
        self._began_ns = self._at_ns

    def on_head(self, head: Head) -> None:
        """An answer's head is complete.

        Raises:
            Malformed: no request waits for an answer.
        """
        if not self._queue:
            raise Malformed("response_without_request")
        self._interim = head.status < _FIRST_FINAL and head.status != _SWITCHING
        if self._interim:
            return
        reader = self._reading = self._queue[0]
        self._until_close = until_close(head)
        if reader.ended:
            return
        reader.exchange.response_began_ns = self._began_ns
        reader.response_head(head, self._at_ns)
        if reader.exchange.method == "CONNECT" and head.status < _FIRST_NOT_SUCCESS:
            self._other = Protocol.TUNNEL
            self.on_complete()

    def on_body(self, data: bytes) -> None:
        """A piece of an answer's body."""
        reading = self._reading
        if reading is not None:
            reading.response_body(data, self._at_ns)

    def on_complete(self) -> None:
        """An answer is complete."""
        if self._interim:
            self._interim = False
        elif self._reading is not None:
            reading, self._reading = self._reading, None
            self._queue.popleft()
            self.heads -= reading.exchange.method == "HEAD"
            reading.response_complete(self._at_ns)

    def _head_only_next(self) -> bool:
        return bool(self._queue) and self._queue[0].exchange.method == "HEAD" and not self._parser.in_head

    def _feed_head_only(self, data: bytes) -> bytes:
        """Take one or more heads of answers to HEAD; return what follows them."""
        while data and self._head_only_next():
            if not self._held:
                self._began_ns = self._at_ns
            searched = max(len(self._held) - len(_HEAD_END) + 1, 0)
            self._held += data
            end = self._held.find(_HEAD_END, searched)
            if end < 0:
                if len(self._held) > limits.HEAD_BYTES:
                    raise Malformed("head_too_large")
                return b""
            end += len(_HEAD_END)
            head, data = bytes(self._held[:end]), bytes(self._held[end:])
            began_ns = self._began_ns
            alone = MessageReader(RESPONSE, self)
            try:
                alone.feed(head)
            finally:
                alone.end()
            if self._reading is not None:
                self._reading.exchange.response_began_ns = began_ns
                self.on_complete()
            self._held.clear()
        return data
