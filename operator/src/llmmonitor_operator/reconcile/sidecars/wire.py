"""HTTP/1.1 with sidecars over connections that stay open; httptools reads it, this keeps the connections.

Ten thousand reports in fifteen seconds are asked for one small request at a time, always in the same words; a
general client takes longer for each than all that is done with its report (docs/design/scale.md). So: one
request on a connection at a time; no redirects, no compression, no cookies. Whoever answers may be a
stranger: heads, bodies, all that is unread together and the time it takes are bounded here, and what is no
HTTP is said.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import httptools

from llmmonitor_operator.reconcile.sidecars.deadlines import Deadlines

TIMEOUT_SECONDS = 3.0
HEAD_BYTES_LIMIT = 16 * 1024
UNREAD_BYTES_LIMIT = 128 * 1024 * 1024
IDLE_SECONDS = 60.0
"""A sidecar closes a connection that is idle for 75 s: it must not do so at the moment that we use it."""
_WORDS_BYTES = 60
_INTERIM = frozenset(range(100, 200)) - {101}
"""Statuses after which the answer itself comes (RFC 9110, 15.2)."""


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
class Asked:
    """A request that was sent, and whose answer is waited for; not frozen, as `heard.Heard`."""

    place: tuple[str, int]
    connection: _Connection
    waiting: asyncio.Future[Answer]


class Connections:
    """Open connections, as many as are allowed; the one that is idle longest makes room."""

    def __init__(
        self, bytes_limit: int, limit: int = 1024, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """Nothing is open yet.

        Args:
            bytes_limit: of a body; what is longer is cut off a little later.
            limit: of idle connections.
            timeout_seconds: of an answer, a connection that is made for it included; a little more may pass.
        """
        self._deadlines = Deadlines(timeout_seconds)
        self._limit = limit
        self._bytes_limit = bytes_limit
        self._unread = _Unread()
        self._idle: OrderedDict[tuple[str, int], _Connection] = OrderedDict()

    async def ask(self, host: str, port: int, request: bytes) -> Answer:
        """The answer to `request`, which is a whole one.

        Raises:
            OSError: there is no connection to be had.
            TimeoutError: not in time.
            Broken: it ended too early.
            NotHttp: what came is no answer.
        """
        place = host, port
        connection = self._taken(place)
        if connection is None:
            async with asyncio.timeout(self._deadlines.seconds):
                loop = asyncio.get_running_loop()
                _, connection = await loop.create_connection(self._connection, host, port)
                return await self.answer(Asked(place, connection, connection.ask(request)))
        return await self.answer(self._asked(place, connection, request))

    def begin(self, host: str, port: int, request: Callable[[], bytes]) -> Asked | None:
        """Ask without waiting, on a connection that is idle; None where there is none, and nothing is asked.

        Whoever asked waits by `answer`, or gives up by `drop`.
        """
        place = host, port
        connection = self._taken(place)
        return None if connection is None else self._asked(place, connection, request())

    async def answer(self, asked: Asked) -> Answer:
        """The answer to what was begun.

        Raises:
            TimeoutError: not in time.
            Broken: it ended too early.
            NotHttp: what came is no answer.
        """
        connection = asked.connection
        try:
            answer = await asked.waiting
        except BaseException:
            connection.close()
            raise
        finally:
            connection.end()
        self._give_back(asked.place, connection)
        return answer

    def drop(self, asked: Asked) -> None:
        """Wait no more for what was begun."""
        asked.connection.close()
        asked.connection.end()

    def _asked(self, place: tuple[str, int], connection: _Connection, request: bytes) -> Asked:
        self._deadlines.begin(connection, connection.asked + 1)
        return Asked(place, connection, connection.ask(request))

    def _connection(self) -> _Connection:
        return _Connection(self._bytes_limit, self._unread)

    def close(self) -> None:
        """All of them."""
        self._deadlines.close()
        while self._idle:
            self._idle.popitem()[1].close()

    def _taken(self, place: tuple[str, int]) -> _Connection | None:
        connection = self._idle.pop(place, None)
        if connection is None or connection.usable(asyncio.get_running_loop().time()):
            return connection
        connection.close()
        return None

    def _give_back(self, place: tuple[str, int], connection: _Connection) -> None:
        if not connection.usable(asyncio.get_running_loop().time()) or place in self._idle:
            connection.close()
            return
        self._idle[place] = connection
        if len(self._idle) > self._limit:
            self._idle.popitem(last=False)[1].close()


@dataclass(slots=True)
class _Unread:
    """Bytes of answers that are not complete, of all connections: 512 times two megabytes are a lot."""

    total: int = 0


class _Reading:
    """One answer, as httptools tells it piece by piece."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.body = bytearray()
        self.head_bytes = 0
        self.keeps_open = False
        self.has_head = False
        self.ended_by_length = False
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.head_bytes += len(name) + len(value)
        self.ended_by_length |= name.lower() in {b"content-length", b"transfer-encoding"}

    def on_message_begin(self) -> None:
        if self.complete:  # one request has one answer
            self.keeps_open = False

    def on_headers_complete(self) -> None:
        if not self.complete:
            self.has_head = True
            self.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        if not self.complete:
            self.body += body

    def on_message_complete(self) -> None:
        if self.status in _INTERIM:
            self.has_head = self.ended_by_length = False
        elif not self.complete:
            self.complete = True
            self.keeps_open = self.parser.should_keep_alive()

    def end(self) -> None:
        """Nothing more is read: ten thousand idle connections must not keep what they read last.

        Parser and reading know each other, and would wait for the collector.
        """
        self.body.clear()
        del self.parser


class _Connection(asyncio.Protocol):
    """One of them, and the answer that comes on it."""

    def __init__(self, bytes_limit: int, unread: _Unread) -> None:
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
        self.asked = 0
        """How often, until now."""

    def usable(self, now: float) -> bool:
        """Whether another request may go on it."""
        return self._transport is not None and self._keeps_open and now - self._used_at < IDLE_SECONDS

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """One request at a time; whoever has its answer, or waits no more, calls `end`."""
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        self._reading = _Reading()
        self._received_bytes = 0
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
        if self._waiting is None or self._waiting.done():
            self.close()  # nobody asked for it
            return
        self._received_bytes += len(data)
        try:
            self._read(data)
            self._count(self._received_bytes)
        except NotHttp as problem:
            self._waiting.set_exception(problem)
            self.close()
            return
        reading = self._reading
        if len(reading.body) > self._bytes_limit:
            self._keeps_open = False
        if reading.complete or len(reading.body) > self._bytes_limit:
            self._waiting.set_result(self._answer())

    def connection_lost(self, exc: Exception | None) -> None:
        """From the event loop."""
        self._transport = None
        waiting = self._waiting
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

    def _answer(self) -> Answer:
        return Answer(self._reading.status, bytes(self._reading.body))

    def _count(self, unread: int) -> None:
        self._unread.total += unread - self._counted
        self._counted = unread
        if self._unread.total > UNREAD_BYTES_LIMIT and unread > HEAD_BYTES_LIMIT:
            raise NotHttp(
                f"answers of more than {UNREAD_BYTES_LIMIT >> 20} MiB at once: this one is left out"
            )
