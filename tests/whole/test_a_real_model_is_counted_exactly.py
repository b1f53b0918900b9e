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
