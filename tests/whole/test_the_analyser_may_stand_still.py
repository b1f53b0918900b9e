from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from typing import Any

import pytest

from llmmonitor_api.configuration import Configuration

CLIENTS = 20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
EVENTS = b"".join(
    b'data: {"choices":[{"index":0,"delta":{"content":"word %d %s"}}]}\n\n' % (number, b"x" * 400)
    for number in range(50)
)
ANSWER = HEAD + EVENTS + b"data: [DONE]\n\n"
BODY = b'{"model":"m","stream":true,"messages":[]}'
ASK = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(BODY)
    for start in range(0, len(ANSWER), 4096):
        writer.write(ANSWER[start : start + 4096])
        await writer.drain()
    writer.close()


async def ask(listen: str) -> bytes:
    host, port = listen.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(ASK)
    received = await reader.read()
    writer.close()
    return received


async def asked_until(listen: str, end: float) -> int:
    """Ask again and again until `end` (monotonic); gives how often, all answers being whole."""
    times = 0
    while time.monotonic() < end:
        assert await ask(listen) == ANSWER
        times += 1
        await asyncio.sleep(0.05)
    return times


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=[pytest.mark.long, pytest.mark.timeout(240)])])
async def test_traffic_is_unharmed_meanwhile_and_what_was_missed_is_said(
    scripted: Any, beside: Any, seconds: int
) -> None:
    async with scripted(answer) as target, beside(target, Configuration()) as sidecar:
        assert await ask(sidecar.listen) == ANSWER
        found = re.search(r"analyser started: pid=(\d+)", sidecar.log.read_text())
        assert found
        analyser = int(found[1])
        os.kill(analyser, signal.SIGSTOP)
        try:
            end = time.monotonic() + seconds
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(asked_until(sidecar.listen, end)) for _ in range(CLIENTS)]
        finally:
            os.kill(analyser, signal.SIGCONT)
        asked = 1 + sum(task.result() for task in tasks)

        assert await ask(sidecar.listen) == ANSWER
        async with asyncio.timeout(30):  # until everything that was kept has been read
            while True:
                report = await sidecar.report()
                series = report.totals.traffic.values()
                ended = sum(sum(one.outcomes.values()) for one in series)
                seen = ended + report.totals.interception.shed_connections
                if seen >= asked + 1 and report.live.in_flight == 0:
                    break
                await asyncio.sleep(0.1)

    assert report.totals.interception.accepted == asked + 1
    assert report.totals.interception.analyser_starts == 1
    judged = sum(one.outcomes.get("ok", 0) for one in series)
    if asked * len(ANSWER) > 16 << 20:  # far more than the tee holds
        assert report.totals.interception.shed_connections > 0
        assert judged < asked
    assert sum(one.outcomes.get("malformed", 0) for one in series) == 0  # half a copy is never judged
