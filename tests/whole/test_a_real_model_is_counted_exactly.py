from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from typing import Any

import aiohttp
import pytest
from tests.conftest import SidecarBeside

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.totals import Totals, TrafficSeries
from llmmonitor_cli.demo.model_process import ModelServer
from llmmonitor_cli.sidecar_process import SidecarProcess, Target

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


def body(**more: Any) -> dict[str, Any]:
    question = "Name three rivers and say where each of them meets the sea."
    return {
        "model": "smollm2-135m",
        "max_tokens": 24,
        "messages": [{"role": "user", "content": question}],
        **more,
    }


async def ask(session: aiohttp.ClientSession, listen: str, request: dict[str, Any]) -> dict[str, int]:
    """Ask; gives the server's own `usage`, or the number of deltas when it gave none."""
    async with session.post(f"http://{listen}/v1/chat/completions", json=request) as answer:
        assert answer.status == 200
        if not request.get("stream"):
            usage: dict[str, int] = (await answer.json())["usage"]
            return usage
        chunks = [json.loads(line[6:]) async for line in answer.content if line.startswith(b"data: {")]
    usages = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    if usages:
        return dict(usages[-1])
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return {"deltas": sum(1 for delta in deltas if delta.get("content"))}


async def settled(sidecar: SidecarProcess, exchanges: int) -> Totals:
    """The totals once that many exchanges have ended."""
    for _ in range(200):
        totals = (await sidecar.report()).totals
        if sum(sum(series.outcomes.values()) for series in totals.traffic.values()) >= exchanges:
            return totals
        await asyncio.sleep(0.05)
    raise AssertionError(f"{exchanges} exchanges were not counted in time: {totals}")


async def in_flight(sidecar: SidecarProcess, requests: int) -> None:
    """Wait until so many requests are at the model."""
    for _ in range(200):
        if (await sidecar.report()).live.in_flight == requests:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{requests} requests were not in flight in time")


def generating(totals: Totals, *, stream: bool) -> TrafficSeries:
    (series,) = (one for one in totals.traffic.values() if one.generates and one.stream is stream)
    return series


async def test_exact_token_counts_equal_the_servers_own(
    real_model: ModelServer, beside: SidecarBeside
) -> None:
    target = Target("127.0.0.1", real_model.port, real_model.pid)
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        beside(target, Configuration()) as sidecar,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        plain = [await ask(session, sidecar.listen, body()) for _ in range(3)]
        options = {"include_usage": True}
        streamed = [
            await ask(session, sidecar.listen, body(stream=True, stream_options=options)) for _ in range(3)
        ]
        totals = await settled(sidecar, 6)

    for series, truth in (
        (generating(totals, stream=False), plain),
        (generating(totals, stream=True), streamed),
    ):
        assert series.completion_tokens_exact == sum(usage["completion_tokens"] for usage in truth)
        assert series.prompt_tokens_exact == sum(usage["prompt_tokens"] for usage in truth)
        assert series.completion_tokens_counted == 0
        assert series.token_sources == {"usage": 3}
    assert generating(totals, stream=True).time_to_first_token.count == 3


async def test_without_the_servers_count_deltas_are_counted_marked_and_never_more(
    real_model: ModelServer, scripted: Any, beside: SidecarBeside
) -> None:
    # given a real stream, and the server's own count of it taken out of its chunks
    request = body(stream=True, stream_options={"include_usage": True}, max_tokens=48)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{real_model.url}/v1/chat/completions", json=request) as answer,
    ):
        chunks = [json.loads(line[6:]) async for line in answer.content if line.startswith(b"data: {")]
    (truth,) = (chunk["usage"]["completion_tokens"] for chunk in chunks if chunk.get("usage"))
    silent = [{**chunk, "usage": None, "timings": None} for chunk in chunks if chunk["choices"]]
    events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in silent) + "data: [DONE]\n\n"

    async def replay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}]}")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        writer.write(head + events.encode())
        writer.close()

    # when that is what clients get
    async with (
        scripted(replay) as target,
        beside(target, Configuration()) as sidecar,
        aiohttp.ClientSession() as session,
    ):
        request = {"model": "m", "stream": True, "messages": body()["messages"]}
        deltas = await ask(session, sidecar.listen, request)
        series = generating(await settled(sidecar, 1), stream=True)

    assert series.token_sources == {"counted": 1}
    assert series.completion_tokens_exact == 0
    assert series.completion_tokens_counted == deltas["deltas"]
    assert 0 < series.completion_tokens_counted <= truth


async def test_a_client_that_hangs_up_is_counted_and_its_slot_freed(
    real_model: ModelServer, beside: SidecarBeside
) -> None:
    target = Target("127.0.0.1", real_model.port, real_model.pid)
    async with beside(target, Configuration()) as sidecar, aiohttp.ClientSession() as session:
        answer = await session.post(
            f"http://{sidecar.listen}/v1/chat/completions", json=body(stream=True, max_tokens=900)
        )
        await answer.content.readline()
        answer.close()

        totals = await settled(sidecar, 1)
        live = (await sidecar.report()).live

    series = generating(totals, stream=True)
    assert series.outcomes == {"aborted": 1}
    assert series.completion_tokens_exact == 0
    assert series.completion_tokens_counted >= 1
    assert live.in_flight == 0


async def test_a_client_that_hangs_up_while_queued_is_no_good_answer(
    real_model: ModelServer, beside: SidecarBeside
) -> None:
    # given one behind two that take both slots: llama.cpp answers it with 200 and nothing if it has seen that
    # the client is gone, and in full if a slot was free first; which of the two is its own affair
    target = Target("127.0.0.1", real_model.port, real_model.pid)
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        beside(target, Configuration()) as sidecar,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        long = body(stream=True, max_tokens=200, ignore_eos=True)
        busy = [asyncio.create_task(ask(session, sidecar.listen, long)) for _ in range(2)]
        await in_flight(sidecar, 2)
        queued = asyncio.create_task(ask(session, sidecar.listen, body()))
        await in_flight(sidecar, 3)

        queued.cancel()
        await asyncio.gather(*busy)
        totals = await settled(sidecar, 3)

    left = generating(totals, stream=False)
    assert left.outcomes == ({"ok": 1} if left.completion_tokens_exact else {"aborted": 1})
    assert generating(totals, stream=True).outcomes == {"ok": 2}


async def test_a_model_that_hangs_shows_no_progress(real_model: ModelServer, beside: SidecarBeside) -> None:
    assert real_model.pid is not None
    target = Target("127.0.0.1", real_model.port, real_model.pid)
    async with beside(target, Configuration()) as sidecar, aiohttp.ClientSession() as session:
        request = body(stream=True, max_tokens=900)
        answer = await session.post(f"http://{sidecar.listen}/v1/chat/completions", json=request)
        await answer.content.readline()
        os.kill(real_model.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            while ((await sidecar.report()).live.seconds_without_progress or 0) < 3:
                assert time.monotonic() - stopped < 30
                await asyncio.sleep(0.2)
            assert time.monotonic() - stopped >= 2.5  # not before it can be true
            assert (await sidecar.report()).live.in_flight == 1
        finally:
            os.kill(real_model.pid, signal.SIGCONT)
        answer.close()
