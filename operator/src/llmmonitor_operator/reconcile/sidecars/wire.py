"""HTTP/1.1 with sidecars over connections that stay open: a few lines instead of a library.

Ten thousand reports in fifteen seconds are asked for one small request at a time, always in the same words; a
general client takes longer for each than all that is done with its report. So: one request on a connection at
a time, bodies by Content-Length, in chunks, or to the end; no redirects, no compression, no cookies. Whoever
answers may be a stranger: heads and bodies are bounded here, and what is no HTTP is said. Time-outs are the
caller's.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

HEAD_BYTES_LIMIT = 16 * 1024
UNREAD_BYTES_LIMIT = 128 * 1024 * 1024
IDLE_SECONDS = 60.0
"""A sidecar closes a connection that is idle for 75 s: it must not do so at the moment that we use it."""
_WORDS_BYTES = 60
_LENGTH_DIGITS = 12
_CHUNK_LINE_BYTES_LIMIT = 256
_HEXADECIMAL = frozenset(b"0123456789abcdefABCDEF")


class NotHttp(Exception):
    """What came is no answer; the message says what it is."""


class Broken(Exception):
    """The connection ended before the answer did; `unused`: before any of it, and it had been idle."""

    def __init__(self, message: str, *, unused: bool) -> None:
        self.unused = unused
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said."""

    status: int
    body: bytes
    """At most a part more than the limit that was given."""


class Connections:
    """Open connections, as many as are allowed; the one that is idle longest makes room."""

    def __init__(self, bytes_limit: int, limit: int = 1024) -> None:
        """Nothing is open yet.

        Args:
            bytes_limit: of a body; what is longer is cut off a little later.
            limit: of idle connections.
        """
        self._limit = limit
        self._bytes_limit = bytes_limit
        self._unread = _Unread()
        self._idle: OrderedDict[tuple[str, int], _Connection] = OrderedDict()

    async def ask(self, host: str, port: int, request: bytes) -> Answer:
        """The answer to `request`, which is a whole one.

        Raises:
            OSError: there is no connection to be had.
            Broken: it ended too early.
            NotHttp: what came is no answer.
        """
        place = host, port
        connection = self._taken(place)
        if connection is None:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(self._connection, host, port)
        try:
            answer = await connection.ask(request)
        except BaseException:
            connection.close()
            raise
        self._give_back(place, connection)
        return answer

    def _connection(self) -> _Connection:
        return _Connection(self._bytes_limit, self._unread)

    def close(self) -> None:
        """All of them."""
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


class _Connection(asyncio.Protocol):
    """One of them, and the answer that comes on it."""

    def __init__(self, bytes_limit: int, unread: _Unread) -> None:
        self._bytes_limit = bytes_limit
        self._unread = unread
        self._counted = 0
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._waiting: asyncio.Future[Answer] | None = None
        self._head: _Head | None = None
        self._body = bytearray()
        """Of chunks."""
        self._left: int | None = None
        """Of a chunk under way; None between two."""
        self._keeps_open = True
        self._used_at = 0.0
        self._asked = 0

    def usable(self, now: float) -> bool:
        """Whether another request may go on it."""
        return self._transport is not None and self._keeps_open and now - self._used_at < IDLE_SECONDS

    async def ask(self, request: bytes) -> Answer:
        """One request at a time."""
        if self._transport is None:
            raise Broken("the connection ended", unused=self._asked > 0)
        loop = asyncio.get_running_loop()
        self._waiting, self._head, self._left = loop.create_future(), None, None
        self._body.clear()
        self._asked += 1
        self._transport.write(request)
        try:
            return await self._waiting
        finally:
            self._waiting = None
            self._used_at = loop.time()
            self._count(0)

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
        self._received += data
        try:
            self._count(len(self._received) + len(self._body))
            answer = self._read()
        except NotHttp as problem:
            self._waiting.set_exception(problem)
            self.close()
            return
        if answer is not None:
            self._waiting.set_result(answer)

    def _count(self, unread: int) -> None:
        self._unread.total += unread - self._counted
        self._counted = unread
        if self._unread.total > UNREAD_BYTES_LIMIT and unread > HEAD_BYTES_LIMIT:
            raise NotHttp(
                f"answers of more than {UNREAD_BYTES_LIMIT >> 20} MiB at once: this one is left out"
            )

    def connection_lost(self, exc: Exception | None) -> None:
        """From the event loop."""
        self._transport = None
        waiting = self._waiting
        if waiting is None or waiting.done():
            return
        if self._head is not None and self._head.to_the_end:
            waiting.set_result(Answer(self._head.status, bytes(self._received)))
            return
        nothing_came = not self._received and self._head is None
        words = "the connection ended before an answer" if nothing_came else "the answer was cut off"
        reason = f": {exc}" if exc else ""
        waiting.set_exception(Broken(words + reason, unused=nothing_came and self._asked > 1))

    def _read(self) -> Answer | None:
        """The answer, once it is complete or too long."""
        if self._head is None:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                if len(self._received) > HEAD_BYTES_LIMIT:
                    raise NotHttp(f"a head of more than {HEAD_BYTES_LIMIT} bytes")
                _check_beginning(self._received)
                return None
            self._head = _head(bytes(self._received[:end]))
            self._keeps_open = self._head.keeps_open
            del self._received[: end + 4]
        head = self._head
        if head.chunked:
            return self._chunks(head)
        if len(self._received) > self._bytes_limit:
            return self._cut_off(head)
        if head.to_the_end or len(self._received) < head.length:
            return None
        if len(self._received) > head.length:
            self._keeps_open = False
        return self._taken(head, head.length)

    def _taken(self, head: _Head, length: int) -> Answer:
        body = bytes(self._received[:length])
        self._received.clear()
        return Answer(head.status, body)

    def _chunks(self, head: _Head) -> Answer | None:
        """Every byte is looked at once, however small a stranger makes the chunks."""
        received = self._received
        while len(self._body) <= self._bytes_limit:
            if self._left is None:
                line = received.find(b"\r\n")
                if line < 0 and len(received) <= _CHUNK_LINE_BYTES_LIMIT:
                    return None
                self._left = _chunk_size(bytes(received[: max(0, line)]))
                del received[: line + 2]
            if self._left == 0:
                end = 2 if received.startswith(b"\r\n") else received.find(b"\r\n\r\n") + 4
                if end == 3:  # noqa: PLR2004 - not found: trailers are under way
                    return self._cut_off(head) if len(received) > HEAD_BYTES_LIMIT else None
                del received[:end]
                self._keeps_open &= not received
                return Answer(head.status, bytes(self._body))
            if len(received) < self._left + 2:
                return self._cut_off(head) if len(received) > self._bytes_limit else None
            self._body += received[: self._left]
            del received[: self._left + 2]
            self._left = None
        return self._cut_off(head)

    def _cut_off(self, head: _Head) -> Answer:
        self._keeps_open = False
        return Answer(head.status, bytes(self._body + self._received))


@dataclass(frozen=True, slots=True)
class _Head:
    """What a head says of the body."""

    status: int
    length: int
    chunked: bool
    to_the_end: bool
    """It is as long as the connection lasts."""
    keeps_open: bool


def _head(data: bytes) -> _Head:
    first, *lines = data.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/1.") or not (status.isascii() and status.isdecimal()):
        raise NotHttp(f"no HTTP: {first[:_WORDS_BYTES]!r}")
    length, chunked, said = None, False, ""
    for line in lines:
        name, _, text = line.partition(":")
        match name.lower():
            case "content-length":
                length = _length(text.strip())
            case "transfer-encoding":
                chunked = text.strip().lower() == "chunked"
            case "connection":
                said = text.strip().lower()
    code = int(status)
    if code in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
        length = 0
    to_the_end = length is None and not chunked
    keeps_open = said != "close" and (version == "HTTP/1.1" or said == "keep-alive") and not to_the_end
    return _Head(code, length or 0, chunked, to_the_end, keeps_open)


def _length(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > _LENGTH_DIGITS:
        raise NotHttp(f"a Content-Length of {text[:_WORDS_BYTES]!r}")
    return int(text)


def _chunk_size(line: bytes) -> int:
    text = line.partition(b";")[0].strip()
    if not text or len(text) > _LENGTH_DIGITS or not set(text) <= _HEXADECIMAL:
        raise NotHttp(f"a chunk of length {line[:_WORDS_BYTES]!r}")
    return int(text, 16)


def _check_beginning(received: bytearray) -> None:
    """What is no HTTP is not waited for until its time is over."""
    beginning = bytes(received[:7])
    if not b"HTTP/1.".startswith(beginning) and not beginning.startswith(b"HTTP/1."):
        raise NotHttp(f"no HTTP: {bytes(received[:_WORDS_BYTES])!r}")
