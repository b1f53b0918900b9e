"""llama.cpp's own counters against what its clients' traffic showed: two counts of the same tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from tests.conftest import SidecarBeside

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report import merge
from llmmonitor_api.report.engine_counts import Pair
from llmmonitor_api.report.report import Report
from llmmonitor_api.spec import load_monitor
from llmmonitor_cli.demo.model_process import ModelServer
from llmmonitor_cli.sidecar_process import SidecarProcess, Target
from llmmonitor_operator.evaluate import Environment, evaluate
from llmmonitor_operator.gather.absorb import absorb
from llmmonitor_operator.state import State

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]
REQUESTS = 24
"""A verdict needs 20."""


def body(number: int, *, stream: bool) -> dict[str, Any]:
    question = f"Name {number} rivers."  # a common beginning: part of each prompt comes from the cache
    request = {"max_tokens": 4 + number % 5, "messages": [{"role": "user", "content": question}]}
    return request | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {})


async def ask(base: str, numbers: range) -> None:
    connector = aiohttp.TCPConnector(force_close=True, limit=3)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one(number: int) -> None:
            request = body(number, stream=bool(number % 2))
            async with session.post(f"{base}/v1/chat/completions", json=request) as answer:
                assert answer.status == 200
                await answer.read()

        await asyncio.gather(*map(one, numbers))


async def reported(sidecar: SidecarProcess, enough: Callable[[Report], bool]) -> Report:
    """The first report of which this holds; the engine is asked every 5 s."""
    for _ in range(600):
        report = await sidecar.report()
        if enough(report):
            return report
        await asyncio.sleep(0.1)
    raise AssertionError(f"not said in time: {report.engine} {report.totals.compared}")


def looked(report: Report) -> bool:
    return report.engine is not None and report.engine.scraped_age_seconds is not None


def checks(report: Report) -> dict[str, dict[str, Any]]:
    """As the operator judges them."""
    monitor = load_monitor(
        {
            "apiVersion": "llmmonitor.io/v1alpha1",
            "kind": "LLMMonitor",
            "metadata": {"name": "m"},
            "spec": {"selector": {"matchLabels": {"app": "m"}}},
        }
    )
    state = absorb(State(), report, report.at)
    found = evaluate(monitor, state, report.at, Environment(cluster=False))
    intercepting = next(one.message for one in found.conditions if one.type == "Intercepting")
    named = {one["name"]: one for one in found.status["engineCounts"]["crossChecks"]}
    return named | {"Intercepting": {"message": intercepting}}


async def test_tokens_on_the_wire_are_those_that_the_engine_counts(
    real_model: ModelServer, beside: SidecarBeside
) -> None:
    # given traffic through the relay alone
    target = Target("127.0.0.1", real_model.port, real_model.pid)
    async with beside(target, Configuration()) as sidecar:
        await reported(sidecar, looked)
        await ask(f"http://{sidecar.listen}", range(REQUESTS))
        report = await reported(sidecar, lambda one: one.totals.compared.token_requests >= REQUESTS)

        # then both have counted the same, to the token, cached prompt tokens too
        compared = report.totals.compared
        assert compared.token_requests == REQUESTS
        for pair in (compared.prompt_tokens, compared.generation_tokens):
            assert pair.engine == pair.wire > 0
        assert compared.requests == Pair(), "llama.cpp counts no requests"
        exact = [series for series in report.totals.traffic.values() if series.generates]
        assert sum(one.completion_tokens_exact for one in exact) == compared.generation_tokens.wire
        assert report.engine
        assert report.engine.prefix_cache_hit_rate, "nothing of it came from the cache"
        judged = checks(report)
        assert judged["completion-tokens"]["verdict"] == judged["prompt-tokens"]["verdict"] == "Agrees"
        assert judged["requests"]["verdict"] == "CannotCompare"
        assert "that the engine generated" not in judged["Intercepting"]["message"]

        # when as much again goes straight to the model
        await ask(real_model.url, range(REQUESTS))
        report = await reported(sidecar, _more_by_engine)

    judged = checks(report)
    assert judged["completion-tokens"]["verdict"] == "Differs"
    assert "tokens that the engine generated over 1 h" in judged["Intercepting"]["message"]


async def test_an_engine_that_is_killed_and_comes_back_loses_no_token_and_counts_none_twice(
    real_model: ModelServer, beside: SidecarBeside
) -> None:
    target = Target("127.0.0.1", real_model.port, real_model.pid)
    async with beside(target, Configuration()) as sidecar:
        await reported(sidecar, looked)
        await ask(f"http://{sidecar.listen}", range(6))
        before = await reported(sidecar, lambda one: one.totals.compared.token_requests >= 6)

        await real_model.crash()
        await real_model.start()
        await reported(sidecar, lambda one: one.totals.engine.restarts == 1)
        await ask(f"http://{sidecar.listen}", range(6, 10))
        after = await reported(sidecar, lambda one: one.totals.compared.token_requests >= 10)

    merge.since(after.totals.engine, before.totals.engine)  # nothing went back
    wire = sum(one.completion_tokens_exact for one in after.totals.traffic.values())
    assert after.totals.engine.generation_tokens == wire
    assert after.engine
    assert after.engine.generation_tokens is not None
    assert after.engine.generation_tokens < wire, "its own counter began anew"
    assert after.totals.compared.generation_tokens == Pair(wire, wire)
    assert after.totals.engine.restarts == 1


def _more_by_engine(report: Report) -> bool:
    tokens = report.totals.compared.generation_tokens
    return tokens.engine > 1.5 * tokens.wire
