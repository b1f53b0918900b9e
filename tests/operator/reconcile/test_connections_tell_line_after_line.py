"""Answers that go on, on real sockets: the newest line is kept until it is taken, and nothing without end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httptools
import pytest

from llmmonitor_api.report.repeated import CONTENT_TYPE
from llmmonitor_operator.reconcile.sidecars.connection import LINE_BYTES_LIMIT
from llmmonitor_operator.reconcile.sidecars.wire import Connections

HOST = "127.0.0.1"
BYTES_LIMIT = 1_000_000
REQUEST = b"GET /v1/report HTTP/1.1\r\nHost: here\r\n\r\n"
HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain"
END = b"0\r\n\r\n"


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


@dataclass
class Peer:
    """Says what a test writes."""

    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    """Of its connections."""
    asked: int = 0

    async def say(self, *parts: bytes) -> None:
        for part in parts:
            self.writers[-1].write(part)
            await self.writers[-1].drain()
            await asyncio.sleep(0.005)


@asynccontextmanager
async def peer(first: Callable[[int], bytes]) -> AsyncIterator[Peer]:
    """Args: first: what it answers to each question at once, by its number."""
    found = Peer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                found.asked += 1
                writer.write(first(found.asked))
                await writer.drain()

    server = await asyncio.start_server(serve, HOST, 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        for writer in found.writers:
            writer.close()
        server.close()
        await asyncio.sleep(0)


@dataclass
class Asking:
    """Somebody who asks that peer for lines, over a connection that is open."""

    connections: Connections
    peer: Peer

    async def ask(self, lines: int = 9) -> bytes:
        begun = self.connections.begin(HOST, self.peer.port, lambda: REQUEST, lines)
        assert begun is not None
        async with asyncio.timeout(5):
            return (await self.connections.answer(begun)).body

    def told(self) -> bytes | None:
        return self.connections.take_line(HOST, self.peer.port)

    @property
    def counts(self) -> tuple[int, int]:
        """Connections that go on, and idle ones."""
        return len(self.connections._going_on), len(self.connections._idle)


@asynccontextmanager
async def asking(
    first: bytes = HEAD + chunk(b"one\n"), limit: int = 10, lines: Collection[int] = range(2, 10)
) -> AsyncIterator[Asking]:
    """Args: lines: numbers of the questions that are answered by `first`; the others by one report."""
    async with peer(lambda number: first if number in lines else PLAIN) as other:
        with contextlib.closing(Connections(BYTES_LIMIT, limit, timeout_seconds=0.5)) as connections:
            await connections.ask(HOST, other.port, REQUEST)
            yield Asking(connections, other)


async def test_the_first_line_is_the_answer_and_the_newest_of_the_others_is_kept() -> None:
    async with asking() as one:
        assert await one.ask() == b"one"
        await one.peer.say(chunk(b"two\n"), chunk(b"three\n"))

        assert one.told() == b"three"
        assert one.counts == (1, 0)
        await one.peer.say(chunk(b"four\n"))
        assert one.told() == b"four"


@pytest.mark.parametrize(
    "parts",
    [
        (chunk(b"tw"), chunk(b"o\n")),
        (b"4\r\nt", b"wo\n\r", b"\n"),
        (chunk(b"before\ntwo\n"),),
        (chunk(b"two\n") + chunk(b"thr"),),
        (chunk(b"before\n") + chunk(b"two\n"),),
        (chunk(b"before\nt") + chunk(b"wo\n"),),
        (chunk(b"be") + chunk(b"fore\n") + chunk(b"two\n"),),
    ],
)
async def test_a_line_is_whole_however_it_comes(parts: tuple[bytes, ...]) -> None:
    async with asking() as one:
        await one.ask()
        await one.peer.say(*parts)

        assert one.told() == b"two"


async def test_when_all_is_told_the_connection_serves_another_question() -> None:
    async with asking() as one:
        await one.ask()
        await one.peer.say(chunk(b"two\n") + END)

        assert one.counts == (0, 1)
        assert one.told() == b"two", "the last line too"
        assert one.told() is None
        assert await one.ask() == b"one"
        assert len(one.peer.writers) == 1


@pytest.mark.parametrize("rest", [b"", chunk(b"two\n")])
async def test_what_is_whole_at_once_is_an_answer_like_any(rest: bytes) -> None:
    async with asking(HEAD + chunk(b"one\n") + rest + END) as one:
        assert await one.ask() == (b"two" if rest else b"one")
        assert one.counts == (0, 1)
        assert one.told() is None


async def test_one_report_in_an_answer_of_its_own_is_an_answer_like_any() -> None:
    async with asking(PLAIN) as one:
        assert await one.ask() == b"plain"
        assert one.counts == (0, 1)
        assert one.told() is None


async def test_lines_that_nobody_asked_for_are_an_answer_like_any() -> None:
    async with asking(HEAD + chunk(b"report\n") + chunk(b"")) as one:
        assert await one.ask(lines=0) == b"report\n"


async def test_lines_that_nobody_asked_for_are_bounded_like_any_answer() -> None:
    async with asking(HEAD + chunk(b"line\n") * BYTES_LIMIT) as one:
        assert len(await one.ask(lines=0)) > BYTES_LIMIT
        assert one.connections._unread.total == 0


async def test_who_has_told_nothing_is_waited_for_no_more() -> None:
    async with asking() as one:
        await one.ask()

        assert one.told() is None
        await one.peer.say(chunk(b"two\n"))
        assert one.told() is None
        assert one.counts == (0, 0)


@pytest.mark.parametrize(
    "parts",
    [
        (b"no chunk\r\n",),
        (chunk(b"x" * LINE_BYTES_LIMIT + b"y"),),
        (chunk(b"x" * LINE_BYTES_LIMIT + b"y\n"),),
        tuple(chunk(b"line\n") for _ in range(9)),
        (chunk(b"line\n" * 9),),
        (b"".join([chunk(b"line\n")] * 9),),
    ],
    ids=["no HTTP", "no end", "too long", "more than were asked for", "more at once", "each in a part"],
)
async def test_who_tells_what_was_not_asked_for_is_left(parts: tuple[bytes, ...]) -> None:
    async with asking() as one:
        await one.ask()
        with contextlib.suppress(ConnectionError):
            await one.peer.say(*parts)
        await asyncio.sleep(0.02)

        assert one.counts == (0, 0)
        assert one.connections._unread.total == 0
        assert one.told() is None


async def test_a_connection_that_is_lost_is_told_nothing_on() -> None:
    async with asking() as one:
        await one.ask()
        one.peer.writers[-1].close()
        await asyncio.sleep(0.02)

        assert one.counts == (0, 0)
        assert one.told() is None


async def test_another_question_ends_what_is_told() -> None:
    async with asking(lines=[2]) as one:
        await one.ask()

        assert one.connections.begin(HOST, one.peer.port, lambda: REQUEST) is None, "it is not free"
        assert (await one.connections.ask(HOST, one.peer.port, REQUEST)).status == 200
        assert len(one.peer.writers) == 2
        await asyncio.sleep(0.02)
        assert one.counts[0] == 0


async def test_beside_what_is_told_something_else_may_be_asked() -> None:
    async with asking(lines=[2]) as one:
        await one.ask()
        answer = await one.connections.ask(HOST, one.peer.port, REQUEST, beside=True)
        assert answer.body == b"plain"

        one.peer.writers[0].write(chunk(b"two\n"))
        await asyncio.sleep(0.02)
        assert one.told() == b"two"
        assert one.counts == (1, 1)


async def test_no_more_connections_are_open_than_may_be() -> None:
    async with asking(limit=1) as one, peer(lambda _: PLAIN) as other:
        await one.ask()
        await one.connections.ask(HOST, other.port, REQUEST)

        assert one.counts == (1, 0), "the other one was closed again"


async def test_no_more_of_them_go_on_than_may_be() -> None:
    lines = HEAD + chunk(b"one\n")
    async with asking(limit=1) as one, peer(lambda number: lines if number > 1 else PLAIN) as other:
        begun = one.connections.begin(HOST, one.peer.port, lambda: REQUEST, 9)
        await one.connections.ask(HOST, other.port, REQUEST)
        another = one.connections.begin(HOST, other.port, lambda: REQUEST, 9)
        assert begun is not None
        assert another is not None

        for each in (begun, another):
            await one.connections.answer(each)
        await asyncio.sleep(0.02)

        assert one.counts == (1, 0)


async def test_time_is_only_limited_until_the_first_line() -> None:
    async with asking() as one:
        await one.ask()
        await asyncio.sleep(1.0)
        await one.peer.say(chunk(b"two\n"))

        assert one.told() == b"two"


async def test_it_leaves_nothing_for_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        async with asking() as one:
            for _ in range(3):
                await one.ask()
                await one.peer.say(chunk(b"two\n") + END)
            left = [type(each) for each in gc.get_objects() if isinstance(each, httptools.HttpResponseParser)]
    finally:
        gc.enable()

    assert left == []
