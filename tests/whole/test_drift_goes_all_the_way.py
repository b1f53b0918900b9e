"""From recorded bytes on a wire, over hours of windows, to what a person reads of drift."""

from __future__ import annotations

import copy
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.operator import kube_server
from tests.operator.conftest import START, monitor_with

from llmmonitor_api.report.report import Identity, InterceptionState, Live, Report, decode, encode
from llmmonitor_operator.configure import drift_settings
from llmmonitor_operator.evaluate import Environment, evaluate
from llmmonitor_operator.evaluate.environment import ExpectedPod
from llmmonitor_operator.gather.absorb import absorb
from llmmonitor_operator.reconcile.keep.drift_watcher import DriftWatcher
from llmmonitor_operator.state import State
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.tee import REQUEST, RESPONSE, CloseReason, Kind, TeeRecord

EXCHANGES = Path(__file__).parents[1] / "sidecar" / "fixtures" / "exchanges"
SECOND, HOUR = 1_000_000_000, 3600.0
MONITOR = monitor_with(drift={"baseline": {"minDuration": "1d"}})
RAW = {"metadata": {"uid": "u", "namespace": "prod", "name": "chat"}}
PODS = (ExpectedPod(uid="uid", name="chat-0", expected_since=START),)
Ask = Callable[[random.Random], tuple[bytes, bytes]]


def recorded(name: str) -> tuple[bytes, bytes]:
    """A real request to llama.cpp, and its answer."""
    return tuple((EXCHANGES / f"{name}.{side}").read_bytes() for side in ("request", "response"))  # type: ignore[return-value]  # two of them


CHAT, COMPLETION, TOOLS = map(recorded, ("llamacpp_chat", "llamacpp_completions", "llamacpp_chat_tools"))


def usual(draw: random.Random) -> tuple[bytes, bytes]:
    return CHAT if draw.random() < 0.7 else COMPLETION


def with_tools(draw: random.Random) -> tuple[bytes, bytes]:
    return TOOLS if draw.random() < 0.3 else usual(draw)


def of_another_model(draw: random.Random) -> tuple[bytes, bytes]:
    """The same requests; answers have four times as many tokens."""
    request, response = usual(draw)
    return request, response.replace(b'"completion_tokens":24', b'"completion_tokens":96')


class Pod:
    """A sidecar that reads, an operator that judges, an hour at a time."""

    def __init__(self) -> None:
        self.reader, self.draw, self.state = TrafficReader(), random.Random(1), State()
        self.now, self._connections, self._reports = START, 0, 0

    async def hours(self, number: int, ask: Ask, watcher: DriftWatcher) -> None:
        for _ in range(number):
            await self.judge(self.read(ask), watcher)

    def read(self, ask: Ask) -> Report:
        for _ in range(500):
            self._exchange(*ask(self.draw))
        self.now += HOUR
        return self._report()

    async def judge(self, report: Report, watcher: DriftWatcher) -> None:
        self.state = absorb(self.state, report, report.at)
        self.state = await watcher.look(RAW, self.state, drift_settings(MONITOR), report.at)

    def said(self) -> tuple[str, str]:
        result = evaluate(MONITOR, self.state, self.now, Environment(cluster=True, pods=PODS))
        (one,) = (one for one in result.conditions if one.type == "DriftFree")
        return one.reason, one.message

    def _exchange(self, request: bytes, response: bytes) -> None:
        self._connections += 1
        n = self._connections
        self.reader.take(
            [
                TeeRecord(Kind.OPEN, n, REQUEST, SECOND, b""),
                TeeRecord(Kind.DATA, n, REQUEST, SECOND, request),
                TeeRecord(Kind.DATA, n, RESPONSE, 2 * SECOND, response),
                TeeRecord(Kind.CLOSE, n, REQUEST, 2 * SECOND, CloseReason.EOF),
            ]
        )

    def _report(self) -> Report:
        self._reports += 1
        identity = Identity("uid", "chat-0", "boot", START, self._reports, "0.1.0", 1)
        path = InterceptionState("transparent", reading=True)
        return decode(encode(Report(identity, self.now, self.now - START, self.reader.totals, Live(), path)))


@pytest.fixture(scope="module")
def usually() -> tuple[Pod, list[Report]]:
    """One that has read what is usual, of two kinds of recorded requests, and its report of each hour."""
    one = Pod()
    return one, [one.read(usual) for _ in range(41)]


@pytest.fixture
async def watcher() -> AsyncIterator[DriftWatcher]:
    async with kube_server.serving() as server, kube_server.connected(server.url) as kube:
        yield DriftWatcher(kube, "llm-monitor", "llm-monitor")


@pytest.fixture
async def pod(usually: tuple[Pod, list[Report]], watcher: DriftWatcher) -> Pod:
    """One whose baseline is learnt from that."""
    one, reports = copy.deepcopy(usually)
    for report in reports:
        await one.judge(report, watcher)
    return one


async def test_nothing_is_found_where_nothing_changes(pod: Pod, watcher: DriftWatcher) -> None:
    await pod.hours(4, usual, watcher)

    assert pod.said()[0] == "NoDrift"


async def test_other_requests_are_named_and_the_model_is_not_suspected(
    pod: Pod, watcher: DriftWatcher
) -> None:
    await pod.hours(2, with_tools, watcher)

    reason, message = pod.said()
    assert reason == "InputDrift"
    assert "Parameters PSI " in message
    assert "PromptTokens PSI " in message
    assert "suspect the model" not in message


async def test_another_model_behind_the_same_requests_is_suspected(pod: Pod, watcher: DriftWatcher) -> None:
    await pod.hours(2, of_another_model, watcher)

    reason, message = pod.said()
    assert reason == "OutputDrift"
    assert "CompletionTokens PSI " in message
    assert "suspect the model" in message
