"""One HTTP/1.1 connection to a sidecar, and the answer that comes on it; httptools reads it.

Whoever answers may be a stranger: heads, bodies, lines and all that is unread together are bounded, and what
is no HTTP is said. Where a request asks for reports again and again (`report.repeated`), the newest line that
comes with the head is the answer, and of those that follow the newest is kept until somebody takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import httptools

from llmmonitor_api.report.repeated import CONTENT_TYPE

HEAD_BYTES_LIMIT = 16 * 1024
UNREAD_BYTES_LIMIT = 128 * 1024 * 1024
LINE_BYTES_LIMIT = 64 * 1024
"""Of a report that is told again: of ten thousand sidecars one each may wait to be read."""
IDLE_SECONDS = 60.0
"""A sidecar closes a connection that is idle for 75 s: it must not do so at the moment that we use it."""
_WORDS_BYTES = 60
_INTERIM = frozenset(range(100, 200)) - {101}
"""Statuses after which the answer itself comes (RFC 9110, 15.2)."""
_LINES = CONTENT_TYPE.encode()


class NotHttp(Exception):
    """What came is no answer; the message says what it is."""


class Broken(Exception):
    """The connection ended before the answer did; `unused`: before any of it, and it had been idle."""

    def __init__(self, message: str, *, unused: bool) -> None:
        self.unused = unused
        super().__init__(message)


@dataclass(slots=True)
class Answer:
    """What was said; not frozen, as `heard.Heard`."""

    status: int
    body: bytes
    """At most a part more than the limit that was given."""


@dataclass(slots=True)
class Unread:
    """Bytes of answers that are not complete, of all connections: 512 times two megabytes are a lot."""

    total: int = 0


class _Reading:
    """One answer, as httptools tells it piece by piece."""

    def __init__(self, *, lines_wanted: bool) -> None:
        self._lines_wanted = lines_wanted
        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.body = bytearray()
        self.head_bytes = 0
        self.keeps_open = False
        self.has_head = False
        self.ended_by_length = False
        self.complete = False
        self.is_lines = False
        self._whole, self._newest = 0, b""
        """Lines that came each in a part of its own, and so do not lie in `body`: how many, the newest."""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.head_bytes += len(name) + len(value)
        name = name.lower()
        self.ended_by_length |= name in {b"content-length", b"transfer-encoding"}
        self.is_lines |= self._lines_wanted and name == b"content-type" and value == _LINES

    def on_message_begin(self) -> None:
        if self.complete:  # one request has one answer
            self.keeps_open = False

    def on_headers_complete(self) -> None:
        if not self.complete:
            self.has_head = True
            self.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        if self.complete:
            return
        if self.is_lines and body and not self.body and body.find(b"\n") == len(body) - 1:
            self._whole, self._newest = self._whole + 1, body[:-1]
        else:
            self.body += body

    def on_message_complete(self) -> None:
        if self.status in _INTERIM:
            self.has_head = self.ended_by_length = self.is_lines = False
        elif not self.complete:
            self.complete = True
            self.keeps_open = self.parser.should_keep_alive()

    def take_lines(self) -> tuple[int, bytes]:
        """How many are whole, and the newest of them; what follows it is left."""
        number, line = self._whole, self._newest
        self._whole, self._newest = 0, b""
        end = self.body.rfind(b"\n")
        if end >= 0:
            number += self.body.count(b"\n", 0, end + 1)
            line = bytes(self.body[self.body.rfind(b"\n", 0, end) + 1 : end])
            del self.body[: end + 1]
        return number, line

    def end(self) -> None:
        """Nothing more is read: ten thousand idle connections must not keep what they read last.

        Parser and reading know each other, and would wait for the collector.
        """
        self.body.clear()
        self._newest = b""
        del self.parser


class Connection(asyncio.Protocol):
    """One of them, and the answer that comes on it."""

    def __init__(self, bytes_limit: int, unread: Unread) -> None:
        self._bytes_limit = bytes_limit
        self._unread = unread
        self._counted = 0
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._reading: _Reading
        """From when the first answer is waited for."""
        self._received_bytes = 0
        self._keeps_open = True
        self._used_at = 0.0
        self._lines_left = 0
        """That may come yet."""
        self._told: bytes | None = None
        """The newest line after the answer, until it is taken."""
        self.goes_on = False
        """Whether the answer is given and more lines are to come."""
        self._is_over: Callable[[], None] = _nobody
        self.asked = 0
        """How often, until now."""

    def usable(self, now: float) -> bool:
        """Whether another request may go on it."""
        return self._transport is not None and self._keeps_open and now - self._used_at < IDLE_SECONDS

    def ask(self, request: bytes, lines: int = 0) -> asyncio.Future[Answer]:
        """One request at a time; whoever has its answer, or waits no more, calls `end` unless it goes on.

        Args:
            request: a whole one.
            lines: how many it asks for at most; 0 where it asks for one report.
        """
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        self._reading = _Reading(lines_wanted=lines > 0)
        self._received_bytes, self._told, self._is_over = 0, None, _nobody
        self._lines_left = lines
        if self._transport is None:
            waiting.set_exception(Broken("the connection ended", unused=self.asked > 0))
        else:
            self.asked += 1
            self._transport.write(request)
        return waiting

    def end(self) -> None:
        """Keep nothing of the answer."""
        self._waiting = None
        self._reading.end()
        self._used_at = asyncio.get_running_loop().time()
        self._count(0)

    def go_on(self, is_over: Callable[[], None]) -> None:
        """Somebody has the answer; `is_over` is called when no more lines are to come."""
        self._waiting, self._is_over = None, is_over

    def take_line(self) -> bytes | None:
        """The newest line that came since the answer, or since this was asked last."""
        line, self._told = self._told, None
        return line

    def give_up(self, number: int) -> None:
        """The answer to the request of this number has not come in time."""
        if number == self.asked and self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(TimeoutError())

    def close(self) -> None:
        """At once."""
        self._keeps_open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self._used_at = asyncio.get_running_loop().time()

    def data_received(self, data: bytes) -> None:
        """From the event loop."""
        waiting = self._waiting
        awaited = waiting is not None and not waiting.done()
        if not awaited and not self.goes_on:
            self.close()  # nobody asked for it
            return
        self._received_bytes += len(data)
        try:
            self._read(data)
            line = self._line()
            self._count(self._received_bytes)
        except NotHttp as problem:
            if waiting is not None and awaited:
                waiting.set_exception(problem)
            self.close()
            return
        reading, too_long = self._reading, len(self._reading.body) > self._bytes_limit
        if too_long:
            self._keeps_open = False
        if waiting is not None and awaited:
            self.goes_on = line is not None and not reading.complete
            if line is not None:
                waiting.set_result(Answer(reading.status, line))
            elif reading.complete or too_long:
                waiting.set_result(self._answer())
            return
        if line is not None:
            self._told = line
        if reading.complete:
            self._end_lines()

    def connection_lost(self, exc: Exception | None) -> None:
        """From the event loop."""
        self._transport = None
        waiting = self._waiting
        if self.goes_on:
            self._end_lines()
        if waiting is None or waiting.done():
            return
        reading = self._reading
        if reading.has_head and not reading.ended_by_length:  # as long as the connection lasts
            waiting.set_result(self._answer())
            return
        nothing_came = not self._received_bytes
        words = "the connection ended before an answer" if nothing_came else "the answer was cut off"
        reason = f": {exc}" if exc else ""
        waiting.set_exception(Broken(words + reason, unused=nothing_came and self.asked > 1))

    def _read(self, data: bytes) -> None:
        try:
            self._reading.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._reading.complete:  # what follows a whole answer ends the connection, not the answer
                raise NotHttp(f"no HTTP: {error}: {data[:_WORDS_BYTES]!r}") from error
            self._keeps_open = False
        reading = self._reading
        if not reading.has_head and max(reading.head_bytes, self._received_bytes) > HEAD_BYTES_LIMIT:
            raise NotHttp(f"a head of more than {HEAD_BYTES_LIMIT} bytes")
        if reading.complete:
            self._keeps_open &= reading.keeps_open

    def _line(self) -> bytes | None:
        """The newest of those that were asked for."""
        if not self._reading.is_lines:
            return None
        number, line = self._reading.take_lines()
        unread = len(self._reading.body)
        self._lines_left -= number
        if self._lines_left < 0:
            raise NotHttp("more lines than were asked for")
        if number:
            self._received_bytes = unread
        beside = self._received_bytes - HEAD_BYTES_LIMIT  # what is said between lines counts, with some room
        if self.goes_on and max(beside, unread, len(line)) > LINE_BYTES_LIMIT:
            raise NotHttp(f"a line of more than {LINE_BYTES_LIMIT} bytes")
        return line if number else None

    def _end_lines(self) -> None:
        self.goes_on = False
        is_over, self._is_over = self._is_over, _nobody
        is_over()

    def _answer(self) -> Answer:
        return Answer(self._reading.status, bytes(self._reading.body))

    def _count(self, unread: int) -> None:
        self._unread.total += unread - self._counted
        self._counted = unread
        if self._unread.total > UNREAD_BYTES_LIMIT and unread > HEAD_BYTES_LIMIT:
            raise NotHttp(
                f"answers of more than {UNREAD_BYTES_LIMIT >> 20} MiB at once: this one is left out"
            )


def _nobody() -> None:
    """Who waits for nothing."""
