from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from llmmonitor_operator.reconcile.metrics.health import serving
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics

OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}


class Operator:
    """What it says of itself, and where."""

    def __init__(self) -> None:
        self.why_not_ready = ""
        self.metrics = OperatorMetrics()
        self.url = ""

    async def asked(self, path: str, **headers: str) -> tuple[int, str, str]:
        async with aiohttp.ClientSession() as session, session.get(self.url + path, headers=headers) as got:
            return got.status, got.headers["Content-Type"], await got.text()


@pytest.fixture
async def operator() -> AsyncIterator[Operator]:
    one = Operator()
    async with serving(0, one.metrics, lambda: one.why_not_ready, host="127.0.0.1") as port:
        one.url = f"http://127.0.0.1:{port}"
        yield one


async def test_it_is_alive_while_it_answers(operator: Operator) -> None:
    operator.why_not_ready = "the monitors are not listed yet"

    assert (await operator.asked("/healthz"))[0] == 200


async def test_it_is_ready_when_nothing_is_in_the_way_and_says_what_is(operator: Operator) -> None:
    ready = await operator.asked("/readyz")
    operator.why_not_ready = "the monitors are not listed yet"
    waiting = await operator.asked("/readyz")

    assert ready[0] == 200
    assert waiting[0] == 503
    assert waiting[2] == "the monitors are not listed yet\n"


async def test_metrics_come_in_the_format_that_was_asked_for(operator: Operator) -> None:
    operator.metrics.begin(("prod", "chat"))
    operator.metrics.pulled("ok")

    plain = await operator.asked("/metrics")
    openmetrics = await operator.asked("/metrics", **OPENMETRICS)

    assert plain[1].startswith("text/plain")
    assert 'llm_monitor_operator_pulls_total{result="ok"} 1.0' in plain[2]
    assert 'llm_monitor_requests_begun_total{monitor="chat",namespace="prod"} 0.0' in plain[2]
    assert openmetrics[1].startswith("application/openmetrics-text")
    assert openmetrics[2].endswith("# EOF\n")


async def test_a_port_that_is_taken_is_an_error(operator: Operator) -> None:
    port = int(operator.url.rpartition(":")[2])

    with pytest.raises(OSError, match="address already in use"):
        async with serving(port, operator.metrics, str, host="127.0.0.1"):
            pass


async def test_there_is_nothing_else(operator: Operator) -> None:
    assert (await operator.asked("/"))[0] == 404
