from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
from pathlib import Path
from typing import Any

import psutil
import pytest

from llmmonitor_api.configuration import Configuration
from llmmonitor_cli.sidecar_process import SidecarProcess

MIB = 1024 * 1024
ANSWER = b"the model's own words, whatever was asked\r\n" * 50
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nContent-Type: application/json\r\n"


async def answer_anything(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A model server that reads to the end of the request's side, then says always the same."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(MIB):
            pass
        writer.write(ANSWER)
        await writer.drain()
    writer.close()


async def exchange(listen: str, *parts: bytes, times: int = 1) -> bytes:
    """Send `parts` (the last one `times` times), half-close, and read all that comes back."""
    host, port = listen.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for part in parts[:-1]:
        writer.write(part)
    for _ in range(times):
        writer.write(parts[-1])
        await writer.drain()
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def processes(log: Path) -> dict[str, psutil.Process]:
    """The sidecar's children by name, as the supervisor logged them."""
    return {
        name: psutil.Process(int(pid))
        for name, pid in re.findall(r"(\w+) started: pid=(\d+)", log.read_text())
    }


async def alive(sidecar: SidecarProcess, accepted: int = 0, bytes_to_model: int = 0) -> Any:
    """The report, from the same analyser and relay that were there at the start.

    The relay publishes its numbers 20 times a second: wait until it has published so many.
    """
    counts = (report := await sidecar.report()).totals.interception
    while counts.accepted < accepted or counts.bytes_to_model < bytes_to_model:
        await asyncio.sleep(0.05)
        counts = (report := await sidecar.report()).totals.interception
    assert report.totals.interception.analyser_starts == 1
    assert report.totals.interception.relay_starts == 1
    return report


HOSTILE = {
    "binary": (os.urandom(1 * MIB),),
    "half a request": (CHAT + b'Content-Length: 100000\r\n\r\n{"model": "m", ',),
    "half a head": (CHAT[:40],),
    "100,000 headers": (CHAT, b"X-Header-%d: v\r\n" % 7 * 100_000, b"\r\n"),
    "one endless header": (CHAT + b"X-Long: ", b"a" * (4 * MIB)),
    "nested JSON": (CHAT + b"Content-Length: 2000000\r\n\r\n", b"[" * 2_000_000),
    "chunk sizes that lie": (
        CHAT + b"Transfer-Encoding: chunked\r\n\r\n",
        b"ffffffffffffffff\r\n" + b"x" * MIB,
    ),
    "an answer to nothing": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500),),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + os.urandom(300),),
    "nothing at all": (b"",),
    "two lengths": (CHAT + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",),
}


async def test_whatever_a_client_sends_the_models_answer_passes_and_the_sidecar_lives(
    scripted: Any, beside: Any
) -> None:
    async with scripted(answer_anything) as target, beside(target, Configuration()) as sidecar:
        for name, parts in HOSTILE.items():
            assert await exchange(sidecar.listen, *parts) == ANSWER, name

        report = await alive(sidecar, accepted=len(HOSTILE))
        children = processes(sidecar.log)
        memory = {name: child.memory_info().rss for name, child in children.items()}

    assert report.totals.interception.accepted == len(HOSTILE)
    assert report.live.in_flight == 0
    assert memory["relay"] < 64 * MIB, memory
    assert memory["analyser"] < 200 * MIB, memory


async def test_slow_clients_by_the_hundred_hold_up_nobody(scripted: Any, beside: Any) -> None:
    async with scripted(answer_anything) as target, beside(target, Configuration()) as sidecar:
        host, port = sidecar.listen.split(":")
        slow = [await asyncio.open_connection(host, int(port)) for _ in range(200)]
        for _, writer in slow:
            writer.write(CHAT[:20])  # and then nothing more: slow-loris

        assert await exchange(sidecar.listen, b"GET /health HTTP/1.1\r\n\r\n") == ANSWER
        report = await alive(sidecar, accepted=201)
        for _, writer in slow:
            writer.close()

    assert report.totals.interception.accepted == 201
    assert report.live.in_flight == 0  # the model does not have these requests yet


async def test_random_bytes_in_random_pieces_pass_both_ways(scripted: Any, beside: Any) -> None:
    chance = random.Random(7)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(chance.randint(1, 40_000)):
            writer.write(data)
            await writer.drain()
        writer.close()

    async with scripted(echo) as target, beside(target, Configuration()) as sidecar:
        for _ in range(60):
            prefix = chance.choice([CHAT + b"\r\n", b"HTTP/1.1 200 OK\r\n", b"data: {", b""])
            sent = prefix + chance.randbytes(chance.randint(0, 200_000))
            assert await exchange(sidecar.listen, sent) == sent
        await alive(sidecar)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_body_of_one_gigabyte_passes_in_bounded_memory(scripted: Any, beside: Any) -> None:
    async with scripted(answer_anything) as target, beside(target, Configuration()) as sidecar:
        head = CHAT + b"Content-Length: %d\r\n\r\n" % (1024 * MIB)

        piece = b"1," * (MIB // 2)

        assert await exchange(sidecar.listen, head, piece, times=1024) == ANSWER

        await alive(sidecar, bytes_to_model=1024 * MIB)
        memory = {name: child.memory_info().rss for name, child in processes(sidecar.log).items()}

    assert memory["relay"] < 64 * MIB, memory
    assert memory["analyser"] < 200 * MIB, memory
