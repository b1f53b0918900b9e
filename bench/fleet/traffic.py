"""What one simulated replica has served: a report's totals, and the same figures in Prometheus' buckets.

Requests are drawn when somebody asks, for the time since the last question, with latencies that are
log-normal around a median of the replica's own; so ten thousand replicas cost what is asked of them and no
more. Every time to first token that is drawn is kept as well: by these the merged quantiles are judged.
"""

from __future__ import annotations

import math
import random
from array import array
from bisect import bisect_left

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.buckets import DURATION_SECONDS, FIRST_TOKEN_SECONDS, PER_TOKEN_SECONDS
from llmmonitor_api.report.report import Engine, Identity, InterceptionState, Live, Report, Resources
from llmmonitor_api.report.totals import ObjectiveCounts, Totals, TrafficSeries, series_key

REQUESTS_PER_SECOND = 0.2
"""Of one replica: 2,000 a second over ten thousand."""
MODEL = "meta-llama/Llama-3.1-8B-Instruct"
_MEMORY_LIMIT = 96 << 30
_MEMORY_USED = 58 << 30
_DRAWN_LIMIT = 200
"""Requests of one question at most: after a pause nobody wants a burst."""


class Buckets:
    """A Prometheus histogram."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def record(self, value: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Replica:
    """Counts as a sidecar does."""

    def __init__(self, number: int, uid: str, name: str, started_at: float) -> None:
        self.uid = uid
        self.name = name
        self.generation = 0
        self.sequence = 0
        self.started_at = started_at
        self.totals = Totals()
        self.true_first_tokens: array[float] = array("d")
        """Since the last `forget`, in seconds."""
        self.first_token = Buckets(FIRST_TOKEN_SECONDS)
        self.per_token = Buckets(PER_TOKEN_SECONDS)
        self.duration = Buckets(DURATION_SECONDS)
        self._chance = random.Random(number)
        self._median = math.log(0.08) + 0.3 * self._chance.gauss(0, 1)
        self._advanced_to = started_at
        self._series = TrafficSeries("chat", "openai", MODEL, MODEL, stream=True)
        self.totals.traffic[series_key("chat", "openai", MODEL, MODEL, stream=True)] = self._series
        self._objectives: list[tuple[float | None, ObjectiveCounts]] = []

    def configure(self, configuration: Configuration) -> None:
        """Count by these objectives from now on."""
        self.generation = configuration.generation
        self._objectives = []
        kept: dict[str, ObjectiveCounts] = {}
        for one in configuration.objectives:
            kept[one.key] = self.totals.objectives.get(one.key) or ObjectiveCounts(
                one.name, one.signal, one.threshold_text
            )
            threshold = one.threshold if one.signal == "TimeToFirstToken" else None
            self._objectives.append((threshold, kept[one.key]))
        self.totals.objectives = kept

    def advance(self, now: float, *, serving: bool) -> None:
        """Serve what came since the last time."""
        elapsed, self._advanced_to = now - self._advanced_to, now
        if not serving or elapsed <= 0:
            return
        expected = REQUESTS_PER_SECOND * elapsed
        number = int(expected) + (self._chance.random() < expected % 1)
        for _ in range(min(number, _DRAWN_LIMIT)):
            self._serve()

    def _serve(self) -> None:
        draw, series = self._chance, self._series
        first = draw.lognormvariate(self._median, 0.6)
        per_token = draw.lognormvariate(-4.1, 0.25)
        tokens = 1 + int(draw.expovariate(1 / 120))
        duration = first + per_token * (tokens - 1)
        self.true_first_tokens.append(first)
        self.totals.begun += 1
        path = self.totals.interception
        path.accepted += 1
        path.bytes_to_model += 1800
        path.bytes_to_client += 300 * tokens
        good = draw.random() > 0.001
        outcome = "ok" if good else "server_error"
        series.outcomes[outcome] = series.outcomes.get(outcome, 0) + 1
        series.token_sources["usage"] = series.token_sources.get("usage", 0) + 1
        series.finish_reasons.record("stop" if tokens < 400 else "length", 16)
        series.prompt_tokens_exact += 400
        series.completion_tokens_exact += tokens
        series.time_to_first_token.record(first)
        series.time_to_first_content.record(first)
        series.duration.record(duration)
        series.completion_tokens.record(tokens)
        series.prompt_tokens.record(400)
        self.first_token.record(first)
        self.duration.record(duration)
        if tokens > 1:
            series.time_per_output_token.record(per_token)
            series.gaps.record(per_token, tokens - 1)
            self.per_token.record(per_token)
        for threshold, counts in self._objectives:
            if good if threshold is None else first <= threshold:
                counts.good += 1
            else:
                counts.bad += 1

    def report(self, now: float) -> Report:
        """What `/v1/report` answers."""
        self.sequence += 1
        return Report(
            identity=Identity(
                pod_uid=self.uid,
                pod_name=self.name,
                boot_id=self.uid,
                started_at=self.started_at,
                sequence=self.sequence,
                sidecar_version="0.1.0",
                configuration_generation=self.generation,
                follows_links=True,
            ),
            at=now,
            uptime_seconds=now - self.started_at,
            totals=self.totals,
            live=LIVE,
            interception=READING,
            resources=RESOURCES,
            engine=ENGINE,
        )


LIVE = Live(last_request_age_seconds=1.0)
READING = InterceptionState(
    mode="transparent",
    reading=True,
    model_listening=True,
    relay_alive=True,
    read_connections=4,
    added_latency_p99_seconds=0.0004,
)
RESOURCES = Resources(
    processes_visible=True,
    processes=3,
    threads=120,
    open_files=80,
    cpu_cores_used=1.2,
    cpu_limit_cores=8,
    cpu_throttled_share=0.0,
    rss_bytes=_MEMORY_USED,
    memory_used_bytes=_MEMORY_USED,
    memory_limit_bytes=_MEMORY_LIMIT,
    oom_kills=0,
    sidecar_rss_bytes=70 << 20,
)
ENGINE = Engine(
    name="vLLM",
    version="0.11.0",
    model=MODEL,
    detected_by="vllm:* in /metrics",
    scraped_age_seconds=1.0,
    running=2,
    waiting=0,
    kv_cache_use=0.31,
    preemptions=0,
    prefix_cache_hit_rate=0.4,
)
