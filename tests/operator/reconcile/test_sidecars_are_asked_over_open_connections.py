"""The connections between operator and sidecars, on real sockets; whoever answers may be a stranger."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import httptools
import pytest
from aiohttp import web

from llmmonitor_operator.reconcile.sidecars import connection
from llmmonitor_operator.reconcile.sidecars.connection import HEAD_BYTES_LIMIT, Broken, NotHttp
from llmmonitor_operator.reconcile.sidecars.wire import Connections

LIMIT = 1000
REQUEST = b"GET /v1/report HTTP/1.1\r\nHost: here\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    """A program that answers in its own way; gives its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def saying(*parts: bytes, stays: bool = False) -> Serve:
    """Answers every request with these parts, one after the other, and ends the connection or stays."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.001)
            if not stays:
                return

    return serve


async def asked(serve: Serve) -> tuple[int, bytes]:
    connections = Connections(LIMIT)
    async with serving(serve) as port, asyncio.timeout(5):
        try:
            answer = await connections.ask("127.0.0.1", port, REQUEST)
        finally:
            connections.close()
    return answer.status, answer.body


@pytest.mark.parametrize(
    "parts",
    [
        (OK + b"Content-Length: 5\r\n\r\nhello",),
        (OK[:9], OK[9:], b"content-length:5\r\n", b"\r\nhe", b"llo"),
        (CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",),
        (
            CHUNKED + b"",
            b"2;x=y\r\nh",
            b"e\r",
            b"\n3\r\nllo\r\n0\r\nT: x\r\n",
            b"\r\n",
        ),
        (b"HTTP/1.0 200 OK\r\n\r\nhel", b"lo"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", OK + b"Content-Length: 5\r\n\r\nhello"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello",),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\nhel", b"lo"),
    ],
)
async def test_a_body_is_read_however_its_end_is_told(parts: tuple[bytes, ...]) -> None:
    assert await asked(saying(*parts)) == (200, b"hello")


async def test_an_answer_without_a_body_has_none() -> None:
    assert await asked(saying(b"HTTP/1.1 204 No Content\r\n\r\n", stays=True)) == (204, b"")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((b"garbage\0\0",), "no HTTP: .*b'garbage"),
        ((b"HTTP/1.1 OK\r\n\r\n",), "no HTTP"),
        ((OK + b"Content-Length: -5\r\n\r\n",), "no HTTP: .*Content-Length"),
        ((CHUNKED + b"zz\r\n",), "no HTTP: .*chunk size"),
        ((CHUNKED + b"1" * 300,), "no HTTP: .*hunk size"),
        ((OK + b"x" * (HEAD_BYTES_LIMIT + 1),), "a head of more than"),
    ],
)
async def test_what_is_no_answer_is_said_at_once(parts: tuple[bytes, ...], words: str) -> None:
    with pytest.raises(NotHttp, match=words):
        await asked(saying(*parts, stays=True))


@pytest.mark.parametrize(
    "parts",
    [
        (OK + b"Content-Length: 100000000\r\n\r\n", *[b"x" * 400] * 10),
        (CHUNKED, *[b"190\r\n" + b"x" * 400 + b"\r\n"] * 10),
        (CHUNKED + b"ffffffff\r\n", *[b"x" * 400] * 10),
        (OK + b"\r\n", *[b"x" * 400] * 10),
    ],
)
async def test_a_body_without_end_is_cut_off_a_little_behind_the_limit(parts: tuple[bytes, ...]) -> None:
    status, body = await asked(saying(*parts, stays=True))

    assert status == 200
    assert LIMIT < len(body) <= LIMIT + 3000


@pytest.mark.parametrize("parts", [(b"",), (OK,), (OK + b"Content-Length: 5\r\n\r\nhel",)])
async def test_an_answer_that_ends_too_early_is_none(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(Broken) as caught:
        await asked(saying(*parts))

    assert not caught.value.unused


async def test_one_connection_serves_one_request_after_the_other() -> None:
    connected = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(writer)
        await saying(OK + b"Content-Length: 2\r\n\r\nhi", stays=True)(reader, writer)

    connections = Connections(LIMIT)
    async with serving(serve) as port:
        found = [await connections.ask("127.0.0.1", port, REQUEST) for _ in range(5)]
        connections.close()

    assert {one.body for one in found} == {b"hi"}
    assert len(connected) == 1


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more",
    ],
)
async def test_a_connection_that_may_not_stay_is_not_used_again(said: bytes) -> None:
    connected = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(writer)
        await saying(said, stays=True)(reader, writer)

    connections = Connections(LIMIT)
    async with serving(serve) as port:
        for _ in range(2):
            await connections.ask("127.0.0.1", port, REQUEST)
        connections.close()

    assert len(connected) == 2


@pytest.mark.parametrize("more", [b"HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nbad", b"HTTP/1.1 5"])
async def test_of_two_answers_the_first_is_taken_and_the_connection_is_not_used_again(more: bytes) -> None:
    connected = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(writer)
        await saying(OK + b"Content-Length: 5\r\n\r\nhello" + more, stays=True)(reader, writer)

    connections = Connections(LIMIT)
    async with serving(serve) as port:
        for _ in range(2):
            answer = await connections.ask("127.0.0.1", port, REQUEST)
            assert (answer.status, answer.body) == (200, b"hello")
        connections.close()

    assert len(connected) == 2


async def test_who_switches_protocols_ends_only_its_own_connection() -> None:
    said: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: said.append(context))
    upgrade = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

    assert await asked(saying(upgrade, stays=True)) == (101, b"")
    assert said == []


@pytest.mark.parametrize("said", [OK + b"Content-Length: 5\r\n\r\nhello", b"no HTTP at all\r\n\r\n"])
async def test_an_answer_leaves_nothing_for_the_collector(said: bytes) -> None:
    connections = Connections(LIMIT)
    gc.collect()
    gc.disable()
    try:
        async with serving(saying(said, stays=True)) as port, asyncio.timeout(5):
            for _ in range(3):
                with contextlib.suppress(NotHttp):
                    await connections.ask("127.0.0.1", port, REQUEST)
            left = [type(one) for one in gc.get_objects() if isinstance(one, httptools.HttpResponseParser)]
    finally:
        gc.enable()
        connections.close()

    assert left == []


async def test_that_an_idle_connection_was_closed_is_told_apart() -> None:
    connections = Connections(LIMIT)
    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: 2\r\n\r\nhi")
        if not served.is_set():
            served.set()
            await reader.readuntil(b"\r\n\r\n")  # and goes without a word

    async with serving(serve) as port:
        await connections.ask("127.0.0.1", port, REQUEST)
        with pytest.raises(Broken) as caught:
            await connections.ask("127.0.0.1", port, REQUEST)
        again = await connections.ask("127.0.0.1", port, REQUEST)
        connections.close()

    assert caught.value.unused
    assert again.body == b"hi"


async def test_the_connection_that_is_idle_longest_makes_room() -> None:
    connected: Counter[int] = Counter()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected[writer.get_extra_info("sockname")[1]] += 1
        await saying(OK + b"Content-Length: 2\r\n\r\nhi", stays=True)(reader, writer)

    connections = Connections(LIMIT, limit=2)
    async with serving(serve) as a, serving(serve) as b, serving(serve) as c:
        for port in (a, b, c, b, a):
            await connections.ask("127.0.0.1", port, REQUEST)
        connections.close()

    assert connected == {a: 2, b: 1, c: 1}


async def test_answers_that_are_too_much_at_once_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "UNREAD_BYTES_LIMIT", 50_000)  # not 128 MiB in a test
    body = b"x" * 40_000
    half = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: 40000\r\n\r\n" + body[:30_000])
        await half.wait()
        writer.write(body[30_000:])

    connections = Connections(100_000)
    async with serving(serve) as port:
        asking = [asyncio.create_task(connections.ask("127.0.0.1", port, REQUEST)) for _ in range(4)]
        await asyncio.wait(asking, return_when=asyncio.FIRST_EXCEPTION)
        half.set()
        found = await asyncio.gather(*asking, return_exceptions=True)
        after = await connections.ask("127.0.0.1", port, REQUEST)
        connections.close()

    assert sum(isinstance(one, NotHttp) for one in found) >= 2
    assert sum(not isinstance(one, BaseException) and one.body == body for one in found) >= 1
    assert after.body == body


async def test_requests_to_one_sidecar_at_once_do_not_share_a_connection() -> None:
    connections = Connections(LIMIT)
    async with serving(saying(OK + b"Content-Length: 2\r\n\r\nhi", stays=True)) as port:
        found = await asyncio.gather(*(connections.ask("127.0.0.1", port, REQUEST) for _ in range(20)))
        connections.close()

    assert [one.body for one in found] == [b"hi"] * 20


async def test_who_gives_up_waiting_leaves_no_half_answer_to_the_next() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(10):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK + b"Content-Length: 2\r\n\r\n")
            await asyncio.sleep(0.1 if number == 0 else 0)
            writer.write(b"hi")

    connections = Connections(LIMIT)
    async with serving(serve) as port:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await connections.ask("127.0.0.1", port, REQUEST)
        answer = await connections.ask("127.0.0.1", port, REQUEST)
        connections.close()

    assert answer.body == b"hi"


async def test_aiohttps_server_is_understood() -> None:
    async def report(request: web.Request) -> web.Response:
        return web.Response(body=b'{"path": "%s"}' % request.path.encode())

    app = web.Application()
    app.router.add_get("/v1/report", report)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    connections = Connections(LIMIT)
    try:
        port = runner.addresses[0][1]
        found = [await connections.ask("127.0.0.1", port, REQUEST) for _ in range(3)]
        missing = await connections.ask("127.0.0.1", port, REQUEST.replace(b"report", b"other"))
    finally:
        connections.close()
        await runner.cleanup()

    assert all(left == right for left, right in pairwise(found))
    assert found[0].body == b'{"path": "/v1/report"}'
    assert missing.status == 404


def test_idle_connections_leave_files_for_all_else() -> None:
    limits = [4096, 1024, 512]  # which a process may lower, and not raise
    command = (
        "import resource; from llmmonitor_operator.reconcile import run\n"
        f"for limit in {limits}: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),"
        "print(run._idle_connections())"
    )

    said = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)

    for allowed, idle in zip(limits, map(int, said.stdout.split()), strict=True):
        assert 0 < idle <= allowed - min(allowed // 2, 1024)


@pytest.mark.parametrize("answers_before", [0, 3])
async def test_who_answers_no_more_is_given_up_in_time(answers_before: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(answers_before):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK + b"Content-Length: 2\r\n\r\nok")
        await reader.read()

    connections = Connections(LIMIT, timeout_seconds=0.2)
    async with serving(serve) as port, asyncio.timeout(5):
        for _ in range(answers_before):
            assert (await connections.ask("127.0.0.1", port, REQUEST)).body == b"ok"
        with pytest.raises(TimeoutError):
            await connections.ask("127.0.0.1", port, REQUEST)
    connections.close()


async def test_an_answer_in_time_is_no_other_request_s_time_out() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.2)
            writer.write(OK + b"Content-Length: 2\r\n\r\nok")

    connections = Connections(LIMIT, timeout_seconds=0.8)
    async with serving(serve) as port, asyncio.timeout(20):
        answers = [(await connections.ask("127.0.0.1", port, REQUEST)).body for _ in range(8)]
    connections.close()
    assert answers == [b"ok"] * 8
