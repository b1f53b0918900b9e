"""The metric families of monitors: verdicts, pods, and their replicas' figures added up.

Figures have the names that sidecars give them (`gen_ai_...` of OpenTelemetry, else `llm_monitor_...`), by
`namespace` and `monitor` instead of by operation and model: of an attached sidecar, which has no port that
Prometheus could find, this is the way out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.utils import floatToGoString

from llmmonitor_api.conditions import Condition, Status
from llmmonitor_api.report.buckets import DURATION_SECONDS, FIRST_TOKEN_SECONDS, PER_TOKEN_SECONDS
from llmmonitor_api.report.histogram import Histogram
from llmmonitor_api.report.totals import InterceptionCounts
from llmmonitor_operator.drift.watch import Watch as DriftWatch
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.evaluate.status import Judged
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.gather.accumulate import Added
from llmmonitor_operator.monitors import Key
from llmmonitor_operator.reconcile.metrics.cost_families import cost_families
from llmmonitor_operator.reconcile.metrics.drift_families import drift_families
from llmmonitor_operator.reconcile.metrics.engine_families import engine_families
from llmmonitor_operator.reconcile.metrics.interaction_families import interaction_families
from llmmonitor_operator.reconcile.metrics.objective_families import objective_events
from llmmonitor_operator.reconcile.metrics.outcome_families import outcome_families
from llmmonitor_operator.reconcile.metrics.pod_families import pod_families
from llmmonitor_operator.reconcile.metrics.quality_families import (
    bias_families,
    canary_families,
    quality_families,
)
from llmmonitor_operator.reconcile.metrics.request_families import request_checks
from llmmonitor_operator.reconcile.metrics.running_totals import RunningTotals
from llmmonitor_operator.reconcile.metrics.shapes import Samples, by_value
from llmmonitor_operator.reconcile.metrics.version_families import version_families
from llmmonitor_operator.versions.history import History

MONITOR = ("namespace", "monitor")
"""The labels that every family here begins with."""
_POD_STATES = ("matched", "injected", "attached", "reporting", "outdated")
_OURS = "llm_monitor"


@dataclass(frozen=True, slots=True)
class Shown:
    """One monitor as its last evaluation left it."""

    totals: RunningTotals
    evaluated_at: float | None = None
    conditions: tuple[Condition, ...] = ()
    judged: Judged | None = None
    inputs: Inputs | None = None
    """What it was judged by."""
    anomalies: Mapping[str, bool] = field(default_factory=dict)
    """By signal: whether it has an alarm; only of those with history enough."""
    drift: DriftWatch = field(default_factory=DriftWatch)
    versions: History | None = None
    """None before the first evaluation."""

    def after(self, news: Added) -> Shown:
        """The same with what happened since."""
        return replace(self, totals=self.totals.after(news, {*self.totals.objectives, *news.counts}))


Monitors = Mapping[Key, Shown]


def families(monitors: Monitors) -> Iterator[Metric]:
    """All of them; those without samples too, so that their names are known."""
    figures = {key: one.totals.figures for key, one in monitors.items()}  # unpacked once
    yield from _verdicts(monitors)
    yield from _counters(monitors, figures)
    yield from engine_families(figures, _counter)
    yield from _histograms(figures)
    judged_by = {key: one.inputs for key, one in monitors.items() if one.inputs is not None}
    yield from pod_families(judged_by, _gauge)
    priced = {key: one.cost for key, one in judged_by.items() if one.cost is not None}
    yield from cost_families(priced, _gauge)
    yield from drift_families({key: one.drift for key, one in monitors.items()}, _gauge)
    judged = {key: one.versions for key, one in monitors.items() if one.versions is not None}
    yield from version_families(judged, _gauge, _counter)
    yield from interaction_families({key: one.interactions for key, one in figures.items()}, _counter)
    yield request_checks({key: one.totals.checks for key, one in monitors.items()}, _counter)
    yield from quality_families(judged_by, _gauge)
    yield from outcome_families({key: one.live_outcomes for key, one in figures.items()}, _counter)
    yield from bias_families(judged_by, _gauge)
    yield from canary_families(judged_by, _gauge)


def _verdicts(monitors: Monitors) -> Iterator[Metric]:
    yield _gauge(
        "last_evaluation_timestamp_seconds",
        "When the monitor was judged last, in Unix seconds: someone must watch the monitor.",
        (),
        ((key, one.evaluated_at) for key, one in monitors.items() if one.evaluated_at is not None),
    )
    yield _gauge(
        "condition",
        "1 for the status that each condition has, 0 for the others.",
        ("type", "status"),
        (
            ((*key, condition.type, str(status)), condition.status is status)
            for key, one in monitors.items()
            for condition in one.conditions
            for status in Status
        ),
    )
    yield _gauge(
        "condition_reason",
        "1 for the reason that each condition has.",
        ("type", "status", "reason"),
        (
            ((*key, condition.type, str(condition.status), condition.reason), 1)
            for key, one in monitors.items()
            for condition in one.conditions
        ),
    )
    yield _gauge(
        "anomaly",
        "1 while a signal is off its own history, 0 while it is not; absent before that is known.",
        ("signal",),
        (((*key, signal), alarm) for key, one in monitors.items() for signal, alarm in one.anomalies.items()),
    )
    yield _gauge(
        "pods",
        "Pods that the selector matches, by what is so with them.",
        ("state",),
        (
            ((*key, state), getattr(one.judged.pods, state))
            for key, one in monitors.items()
            if one.judged is not None
            for state in _POD_STATES
        ),
    )
    yield _gauge(
        "requests_in_flight",
        "Requests that the model has completely and has not answered completely.",
        (),
        (
            (key, one.judged.in_flight)
            for key, one in monitors.items()
            if one.judged is not None and one.judged.in_flight is not None
        ),
    )
    yield _gauge(
        "gpus_at_work",
        "GPUs that the reporting pods request, for throughput of each; absent where tokens come from others.",
        (),
        (
            (key, one.judged.gpus)
            for key, one in monitors.items()
            if one.judged is not None and one.judged.gpus is not None
        ),
    )


def _counters(monitors: Monitors, figures: Mapping[Key, Figures]) -> Iterator[Metric]:
    yield _counter(
        "requests_begun",
        "Generating requests that the model has received completely.",
        (),
        ((key, one.begun) for key, one in figures.items()),
    )
    yield _counter(
        "requests",
        "Ended generating requests by how they ended.",
        ("outcome",),
        by_value({key: one.outcomes for key, one in figures.items()}),
    )
    yield _counter(
        "finish_reasons",
        "Choices by why the model stopped.",
        ("finish_reason",),
        by_value({key: one.finish_reasons.counts for key, one in figures.items()}),
    )
    yield _counter(
        "tokens",
        "Tokens by type; exact=false are lower bounds from counted deltas.",
        ("gen_ai_token_type", "exact"),
        (
            ((*key, "output", exact), tokens)
            for key, one in figures.items()
            for exact, tokens in (
                ("true", one.completion_tokens_exact),
                ("false", one.completion_tokens_counted),
            )
        ),
    )
    yield _counter(
        "token_sources",
        "Ended generating requests by where their count of output tokens came from.",
        ("source",),
        by_value({key: one.token_sources for key, one in figures.items()}),
    )
    yield objective_events(
        {key: one.totals.objectives for key, one in monitors.items()},
        {key: [one for one, _ in shown.judged.objectives] for key, shown in monitors.items() if shown.judged},
        _counter,
    )
    yield from _energy(figures)
    yield _counter(
        "goodput_requests",
        "Requests that met every objective that judged them, and those that missed one.",
        ("result",),
        (
            ((*key, result), requests)
            for key, one in figures.items()
            for result, requests in (("met", one.met_objectives), ("missed", one.missed_objectives))
        ),
    )
    yield _counter(
        "empty_answers",
        "Successful answers without any output.",
        (),
        ((key, one.empty) for key, one in figures.items()),
    )
    yield _counter(
        "program_answers",
        "Answers that hold a tool call, or JSON that was asked for, by kind.",
        ("kind",),
        by_value({key: one.forms_checked for key, one in figures.items()}),
    )
    yield _counter(
        "malformed_answers",
        "Those of them whose arguments or JSON cannot be parsed.",
        ("kind",),
        by_value({key: one.forms_malformed for key, one in figures.items()}),
    )
    yield from _request_path({key: one.interception for key, one in figures.items()})


def _energy(figures: Mapping[Key, Figures]) -> Iterator[Metric]:
    yield _counter(
        "gpus_energy_joules",
        "Energy that the pods' GPUs took, as far as it is measured.",
        (),
        ((key, one.gpu_energy_millijoules * 1e-3) for key, one in figures.items()),
    )
    yield _counter(
        "gpus_energy_tokens",
        "Completion tokens, exact ones, of the pods and the time that this energy is of.",
        (),
        ((key, one.gpu_energy_tokens) for key, one in figures.items()),
    )


def _request_path(counts: Mapping[Key, InterceptionCounts]) -> Iterator[Metric]:
    yield _counter(
        "relay_connections", "Connections accepted.", (), ((key, one.accepted) for key, one in counts.items())
    )
    yield _counter(
        "shed_bytes",
        "Copies dropped because an analyser did not keep up.",
        (),
        ((key, one.shed_bytes) for key, one in counts.items()),
    )
    yield _counter(
        "exchanges_not_analysed",
        "Exchanges carried and not analysed.",
        (),
        ((key, one.exchanges_not_analysed) for key, one in counts.items()),
    )
    yield _counter(
        "interception_blind_seconds",
        "Time in which new connections were not read though they should have been.",
        (),
        ((key, one.blind_nanoseconds * 1e-9) for key, one in counts.items()),
    )


def _histograms(figures: Mapping[Key, Figures]) -> Iterator[Metric]:
    yield _histogram(
        "time_to_first_token",
        "From the last request byte to the first generated delta of any kind; streamed answers only.",
        FIRST_TOKEN_SECONDS,
        {key: one.time_to_first_token for key, one in figures.items()},
    )
    yield _histogram(
        "time_per_output_token",
        "Time per output token after the first, per choice; exact token counts only.",
        PER_TOKEN_SECONDS,
        {key: one.time_per_output_token for key, one in figures.items()},
    )
    yield _histogram(
        "request_duration",
        "From the last request byte to the end of the exchange, however it ended.",
        DURATION_SECONDS,
        {key: one.duration for key, one in figures.items()},
    )


def _gauge(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    family = GaugeMetricFamily(f"{_OURS}_{name}", text, labels=(*MONITOR, *labels))
    for values, figure in samples:
        family.add_metric(values, float(figure))
    return family


def _counter(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    family = CounterMetricFamily(f"{_OURS}_{name}", text, labels=(*MONITOR, *labels))
    for values, figure in samples:
        family.add_metric(values, float(figure))
    return family


def _histogram(name: str, text: str, bounds: tuple[float, ...], samples: Mapping[Key, Histogram]) -> Metric:
    """Counted over from finer buckets: off by the sketch's relative error at a bound; count and sum exact."""
    family = HistogramMetricFamily(f"gen_ai_server_{name}_seconds", text, labels=MONITOR)
    spelled = [floatToGoString(bound) for bound in bounds]  # type: ignore[no-untyped-call]  # prometheus-client's
    for key, values in samples.items():
        buckets = [*zip(spelled, values.cumulative(bounds), strict=True), ("+Inf", values.count)]
        family.add_metric(key, buckets, values.sum)
    return family
