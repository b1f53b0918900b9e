"""A replica that serves requests and reports them, as a sidecar would: what most tests here begin with."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.operator import kube_server

from llmmonitor_api.configuration import Configuration, ObjectiveSetting
from llmmonitor_api.report.clients import Clients
from llmmonitor_api.report.gpus import GPUs
from llmmonitor_api.report.interactions import InteractionsState
from llmmonitor_api.report.probing import Probing
from llmmonitor_api.report.report import (
    Engine,
    Identity,
    InterceptionState,
    Live,
    Report,
    Resources,
    decode,
    encode,
)
from llmmonitor_api.report.totals import ObjectiveCounts, Totals, TrafficSeries, series_key
from llmmonitor_api.spec import LLMMonitor, load_monitor
from llmmonitor_operator.configure import configuration_for
from llmmonitor_operator.evaluate import Environment, Evaluation, ExpectedPod, WindowSums, evaluate
from llmmonitor_operator.gather.absorb import absorb_all
from llmmonitor_operator.gather.accumulate import Added, added
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.state import State

START = 1_800_000_000.0
OBJECTIVES = (
    {
        "name": "first-token",
        "signal": "TimeToFirstToken",
        "threshold": "1s",
        "target": "99%",
        "window": "30d",
    },
    {"name": "errors", "signal": "ErrorRate", "target": "99%", "window": "30d"},
)
IDLE = Live()
LISTENING = InterceptionState(mode="listen", reading=True, read_connections=4)
ROOMY = Resources(processes_visible=True, memory_used_bytes=2 << 30, memory_limit_bytes=4 << 30, oom_kills=0)
NO_CLUSTER = Environment(cluster=False)


@dataclass
class Replica:
    """Counts as a sidecar does; `report` gives what it would serve."""

    configuration: Configuration
    uid: str = "uid-0"
    boot: str = "boot-0"
    started_at: float = START
    model: str = "m"
    sequence: int = 0
    totals: Totals = field(default_factory=Totals)
    live: Live = IDLE
    interception: InterceptionState = LISTENING
    resources: Resources | None = ROOMY
    engine: Engine | None = None
    gpus: GPUs | None = None
    older: bool = False
    """Whether it knows no objectives of some requests alone."""
    system_fingerprint: str = ""
    clients: Clients | None = None
    interactions: InteractionsState | None = None
    probing: Probing | None = None

    def __post_init__(self) -> None:
        for objective in self.counted:
            self.totals.objectives[objective.key] = ObjectiveCounts(
                objective.name, objective.signal, objective.threshold_text
            )

    @property
    def counted(self) -> tuple[ObjectiveSetting, ...]:
        """The objectives that it counts."""
        return self.configuration.objectives if self.older else self.configuration.counted

    def serve(self, requests: int, *, ttft: float = 0.2, outcome: str = "ok", model: str = "") -> None:
        """Streamed requests that all went the same way; `ttft` is infinite when no token came."""
        model = model or self.model
        self.totals.begun += requests
        self.totals.interception.accepted += requests
        key = series_key("chat", "openai", model, model, stream=True)
        series = self.totals.traffic.setdefault(
            key, TrafficSeries("chat", "openai", model, model, stream=True)
        )
        series.outcomes[outcome] = series.outcomes.get(outcome, 0) + requests
        series.duration.record(min(ttft, 60) + 1, requests)
        if math.isfinite(ttft):
            series.time_to_first_token.record(ttft, requests)
            series.completion_tokens_exact += 100 * requests
        source = "usage" if math.isfinite(ttft) else "none"
        series.token_sources[source] = series.token_sources.get(source, 0) + requests
        for setting in self.counted:
            counts = self.totals.objectives[setting.key]
            if setting.models and model not in setting.models:
                continue
            if setting.signal == "TimeToFirstToken":
                good = ttft <= (setting.threshold or 0)
            elif setting.signal == "ErrorRate" and outcome != "aborted":
                good = outcome == "ok"
            else:
                continue
            counts.good += requests * good
            counts.bad += requests * (not good)

    def report(self, at: float) -> Report:
        """The next report, made at `at`, as it arrives over the wire."""
        self.sequence += 1
        identity = Identity(
            pod_uid=self.uid,
            pod_name=self.uid.replace("uid", "chat"),
            boot_id=self.boot,
            started_at=self.started_at,
            sequence=self.sequence,
            sidecar_version="0.1.0",
            configuration_generation=self.configuration.generation,
        )
        return decode(
            encode(
                Report(
                    identity=identity,
                    at=at,
                    uptime_seconds=at - self.started_at,
                    totals=self.totals,
                    live=self.live,
                    interception=self.interception,
                    resources=self.resources,
                    engine=self.engine,
                    gpus=self.gpus,
                    system_fingerprint=self.system_fingerprint,
                    clients=self.clients,
                    interactions=self.interactions,
                    probing=self.probing,
                )
            )
        )

    def restarted(self, boot: str, at: float) -> Replica:
        """Its next life, with counters at zero."""
        return Replica(self.configuration, uid=self.uid, boot=boot, started_at=at)


@dataclass
class Watch:
    """A monitor, its state, and time."""

    monitor: LLMMonitor
    environment: Environment = NO_CLUSTER
    state: State = field(default_factory=State)
    now: float = START
    news: Added = field(default_factory=Added)
    """By the reports collected last."""
    sums: WindowSums = field(default_factory=WindowSums)

    @property
    def configuration(self) -> Configuration:
        return configuration_for(self.monitor)

    def replica(self, number: int = 0) -> Replica:
        return Replica(self.configuration, uid=f"uid-{number}", boot=f"boot-{number}", started_at=self.now)

    def collect(self, replicas: Iterable[Replica], seconds: float = 15.0) -> None:
        """`seconds` later every replica is asked."""
        self.now += seconds
        parts = []
        for replica in replicas:
            report = replica.report(self.now)
            self.state, some = absorb_all(self.state, {report.identity.pod_uid: report}, self.now)
            parts.append(some)
        self.news = added(parts)

    def gather(self, replicas: Iterable[Replica], seconds: float = 15.0) -> Evaluation:
        """`seconds` later every replica is asked and the monitor judged."""
        self.collect(replicas, seconds)
        return self.judge()

    def judge(self, seconds: float = 0.0) -> Evaluation:
        """`seconds` later, without a report."""
        self.now += seconds
        result = evaluate(self.monitor, self.state, self.now, self.environment, self.sums)
        self.state = result.state
        return result


def monitor_with(**spec: Any) -> LLMMonitor:
    return load_monitor(
        {
            "apiVersion": "llmmonitor.io/v1alpha1",
            "kind": "LLMMonitor",
            "metadata": {"name": "chat", "generation": 3},
            "spec": {"selector": {"matchLabels": {"app": "chat"}}} | spec,
        }
    )


@pytest.fixture
async def server() -> AsyncIterator[kube_server.KubeServer]:
    """An API server with nothing in it."""
    async with kube_server.serving() as one:
        yield one


@pytest.fixture
async def kube(server: kube_server.KubeServer) -> AsyncIterator[Kube]:
    """A client of it."""
    async with kube_server.connected(server.url) as client:
        yield client


@pytest.fixture
def watch() -> Callable[..., Watch]:
    """A watch over a monitor with two objectives over 30 days, or with the spec given."""

    def make(environment: Environment | None = None, **spec: Any) -> Watch:
        spec.setdefault("performance", {"objectives": list(OBJECTIVES)})
        return Watch(monitor_with(**spec), environment or NO_CLUSTER)

    return make


@pytest.fixture
def said() -> Callable[[Evaluation, str], tuple[str, str, str]]:
    """Status, reason and message of one condition."""

    def read(result: Evaluation, kind: str) -> tuple[str, str, str]:
        one = next(one for one in result.conditions if one.type == kind)
        return str(one.status), one.reason, one.message

    return read


@pytest.fixture
def in_pods(watch: Callable[..., Watch]) -> Callable[..., Evaluation]:
    """The evaluation of pods that request so many GPUs each and report these."""

    def evaluated(*pods: tuple[int, GPUs | None], later: float = 0.0) -> Evaluation:
        one = watch()
        replicas = []
        for number, (_, found) in enumerate(pods):
            replica = one.replica(number)
            replica.gpus = found
            replicas.append(replica)
        expected = tuple(
            ExpectedPod(f"uid-{number}", f"chat-{number}", 0.0, gpus_requested=requested)
            for number, (requested, _) in enumerate(pods)
        )
        one.environment = Environment(cluster=True, pods=expected)
        evaluation = one.gather(replicas)
        if later:
            one.now += later
            evaluation = one.judge()
        return evaluation

    return evaluated
