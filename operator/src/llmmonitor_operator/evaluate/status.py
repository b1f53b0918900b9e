"""The status document of a monitor: figures with their sample sizes, and the conditions.

Figures are of the last hour, or of what is known of it; what is not known is absent. The api's models round
them to three significant digits and check them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from llmmonitor_api.conditions import Condition
from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.report.histogram import Histogram
from llmmonitor_api.spec.objectives import ObjectiveSource
from llmmonitor_api.spec.scope import Operation
from llmmonitor_api.spec.signals import ObjectiveSignal
from llmmonitor_api.status import (
    AuditStatus,
    Distribution,
    EngineStatus,
    MonitorStatus,
    ObjectiveStatus,
    PerformanceStatus,
    PodsStatus,
    Quantile,
    ResourcesStatus,
    StatusCondition,
    UnmonitoredPod,
    WindowStatus,
)
from llmmonitor_api.status.model import LABEL_LIMIT, SENTENCE_LIMIT
from llmmonitor_operator.evaluate import gpus, wording
from llmmonitor_operator.evaluate.cost_status import cost_status
from llmmonitor_operator.evaluate.drift import drift_status
from llmmonitor_operator.evaluate.engine_counts import engine_counts
from llmmonitor_operator.evaluate.gpu_throughput import gpus_at_work
from llmmonitor_operator.evaluate.inputs import Inputs, PodStanding
from llmmonitor_operator.evaluate.interaction_status import interactions
from llmmonitor_operator.evaluate.objectives import ObjectiveStanding
from llmmonitor_operator.evaluate.quality_status import quality_status
from llmmonitor_operator.evaluate.request_status import request_status
from llmmonitor_operator.evaluate.resources import oom_kills, throttled_share
from llmmonitor_operator.evaluate.reviewers import reviewers_status
from llmmonitor_operator.evaluate.version_status import version_status
from llmmonitor_operator.figures import ABORTED, FAILED, TRUNCATED, Figures
from llmmonitor_operator.settings import ObjectiveSettings

WINDOW_SECONDS = 3600.0
"""What figures are of, where no objective says otherwise."""
_NOT_MONITORED_LIMIT = 10
_MISSING_LIMIT = 10
UNRECOGNISED = "Unknown"
"""What a sidecar calls an engine that it does not recognise."""


def status_document(inputs: Inputs, conditions: tuple[Condition, ...]) -> dict[str, Any]:
    """The whole `status`, camelCase and JSON values only."""
    figures = inputs.window_with_histograms(WINDOW_SECONDS)
    return MonitorStatus(
        observed_generation=inputs.settings.generation,
        conditions=tuple(StatusCondition.of(one) for one in conditions),
        engine=_engine(inputs),
        pods=_pods(inputs),
        window=_window(inputs, figures),
        performance=_performance(inputs, figures),
        objectives=tuple(_objective(one, inputs) for one in inputs.objectives),
        resources=_resources(inputs),
        engine_counts=engine_counts(inputs, figures),
        versions=version_status(inputs, conditions),
        interactions=interactions(inputs, _interaction_figures(inputs)),
        quality=quality_status(inputs),
        requests=request_status(inputs),
        cost=cost_status(inputs.cost, inputs.settings.cost),
        drift=drift_status(inputs),
        reviewers=reviewers_status(inputs),
        audit=_audit(inputs),
    ).to_api()


def _audit(inputs: Inputs) -> AuditStatus | None:
    kept = inputs.state.audit
    if not kept.records:
        return None
    return AuditStatus(records=kept.records, head=kept.head, namespace=inputs.environment.operator_namespace)


def _interaction_figures(inputs: Inputs) -> Mapping[str, int]:
    return inputs.window(inputs.settings.interactions.window_seconds).interactions


@dataclass(frozen=True, slots=True)
class Judged:
    """The part of a status in which every difference is news."""

    generation: int
    conditions: tuple[tuple[object, ...], ...]
    """All of each but its message."""
    engine: EngineStatus | None
    pods: PodsStatus
    objectives: tuple[tuple[ObjectiveSettings, bool | None], ...]
    """Each, and whether it holds."""
    in_flight: int | None = field(compare=False)
    """Requests: no news, but of this moment as the pods are."""
    gpus: int | None = field(default=None, compare=False)
    """`gpu_throughput.gpus_at_work`."""


def judged_of(inputs: Inputs, conditions: tuple[Condition, ...]) -> Judged:
    """The same of an evaluation, without its figures, which take most of the time."""
    live = [source.live for _, source in inputs.fresh]
    return Judged(
        generation=inputs.settings.generation,
        conditions=tuple(
            (one.type, one.status, one.reason, one.observed_generation, one.last_transition_time)
            for one in conditions
        ),
        engine=_engine(inputs),
        pods=_pods(inputs),
        objectives=tuple((one.objective, _holds(one, inputs)) for one in inputs.objectives),
        in_flight=sum(one.in_flight for one in live) if live else None,
        gpus=gpus_at_work(inputs),
    )


def _engine(inputs: Inputs) -> EngineStatus | None:
    """By what the engine itself says; before it does, by what the pod's spec tells."""
    expected = next((pod.expected for pod in inputs.pods if pod.expected.serves), None)
    serves = expected.serves if expected else ""
    engines = [source.engine for _, source in inputs.fresh if source.engine]
    engine = next((one for one in engines if one.name != UNRECOGNISED), None)
    if engine is None:
        if expected is None:
            return None
        return _engine_status(name=expected.engine, detected_by=serves[:LABEL_LIMIT])
    return _engine_status(
        name=engine.name,
        version=(engine.version or "")[:LABEL_LIMIT],
        model=(engine.model or "")[:LABEL_LIMIT],
        detected_by="; ".join(filter(None, [serves, engine.detected_by]))[:LABEL_LIMIT],
        missing=tuple(sorted({name[:LABEL_LIMIT] for one in engines for name in one.missing}))[
            :_MISSING_LIMIT
        ],
    )


def _pods(inputs: Inputs) -> PodsStatus:
    matched, reporting = len(inputs.pods), len(inputs.fresh)
    missing = [
        UnmonitoredPod(name=pod.name, reason=_why(pod), message=_way_out(pod))
        for pod in inputs.pods
        if pod.expected.injection or not (pod.fresh or pod.waited_for)
    ]
    missing += [UnmonitoredPod(name=pod.name, reason=pod.reason) for pod in inputs.environment.left_out]
    return _pods_status(
        matched=matched,
        injected=sum(not (pod.expected.injection or pod.expected.attached) for pod in inputs.pods)
        if inputs.environment.cluster
        else 0,
        reporting=reporting,
        outdated=sum(pod.expected.injection == reasons.OUTDATED.name for pod in inputs.pods),
        predating=sum(pod.expected.predates and bool(pod.expected.injection) for pod in inputs.pods),
        restart=inputs.environment.restart,
        summary=f"{reporting}/{matched}",
        attached=sum(pod.expected.attached for pod in inputs.pods if not pod.expected.injection),
        not_monitored=tuple(missing[:_NOT_MONITORED_LIMIT]),
    )


_engine_status = lru_cache(maxsize=4096)(EngineStatus)
_pods_status = lru_cache(maxsize=4096)(PodsStatus)
"""Asked for in every evaluation, and mostly what they were. In a pass that writes nothing no other model of a
status is made, and pydantic takes several times as long when its code has to be fetched first."""


def _why(pod: PodStanding) -> str:
    if pod.expected.injection:
        return pod.expected.injection
    missing = pod.expected.unreachable or pod.source is None
    return (reasons.UNREACHABLE if missing else reasons.STALE).name


def _way_out(pod: PodStanding) -> str | None:
    """Words that stay the same from pass to pass: whatever changes here is written at once."""
    if pod.expected.injection != reasons.NOT_RESTARTABLE.name:
        return None
    return pod.expected.injection_message[:SENTENCE_LIMIT]


def _window(inputs: Inputs, figures: Figures) -> WindowStatus | None:
    begin = inputs.state.window_begin(WINDOW_SECONDS)
    if begin is None or inputs.state.newest_at is None:
        return None
    with_tokens = figures.exact_requests + figures.inexact_requests
    states = [source.interception for _, source in inputs.fresh]
    read = sum(state.read_connections for state in states)
    open_connections = read + sum(state.bypassing_connections for state in states)
    return WindowStatus(
        start=wording.instant(begin),
        end=wording.instant(inputs.state.newest_at),
        requests=figures.ended,
        exact_token_share=figures.exact_requests / with_tokens if with_tokens else None,
        coverage=read / open_connections if open_connections else None,
        begun_anew=_begun_anew(inputs),
    )


def _begun_anew(inputs: Inputs) -> str | None:
    """As long as a window is incomplete for it."""
    state = inputs.state
    longest = max([WINDOW_SECONDS, *(one.window_seconds for one in inputs.settings.objectives)])
    if not state.begun_anew or inputs.now - state.begun_anew_at > longest:
        return None
    return f"{wording.moment(state.begun_anew_at)}: {state.begun_anew}"[:SENTENCE_LIMIT]


def _performance(inputs: Inputs, figures: Figures) -> PerformanceStatus | None:
    begin = inputs.state.window_begin(WINDOW_SECONDS)
    if begin is None or inputs.state.newest_at is None:
        return None
    seconds = inputs.state.newest_at - begin
    live = [source.live for _, source in inputs.fresh]
    tokens = figures.completion_tokens_exact + figures.completion_tokens_counted
    requested = gpus_at_work(inputs)
    judged = figures.met_objectives + figures.missed_objectives
    return PerformanceStatus(
        time_to_first_token_seconds=_distribution(figures.time_to_first_token),
        time_per_output_token_seconds=_distribution(figures.time_per_output_token),
        request_duration_seconds=_distribution(figures.duration),
        requests_per_second=figures.ended / seconds if seconds > 0 else None,
        tokens_per_second=tokens / seconds if seconds > 0 else None,
        tokens_per_second_per_gpu=tokens / seconds / requested if seconds > 0 and requested else None,
        goodput=figures.met_objectives / judged if judged else None,
        goodput_requests=judged or None,
        in_flight=sum(one.in_flight for one in live) if live else None,
        oldest_in_flight_seconds=max((one.oldest_in_flight_seconds for one in live), default=None),
        errors=sum(figures.outcomes.get(outcome, 0) for outcome in FAILED),
        overloaded=figures.outcomes.get("overloaded", 0),
        timed_out=figures.outcomes.get("timed_out", 0),
        server_errors=figures.outcomes.get("server_error", 0),
        cut_off=figures.outcomes.get("cut_off", 0),
        client_errors=figures.outcomes.get("client_error", 0),
        empty_answers=figures.empty,
        tool_call_answers=figures.forms_checked.get("tool_call"),
        malformed_tool_calls=_malformed(figures, "tool_call"),
        json_answers=figures.forms_checked.get("json"),
        malformed_json=_malformed(figures, "json"),
        aborts=figures.outcomes.get(ABORTED, 0),
        truncations=figures.finish_reasons.counts.get(TRUNCATED, 0),
        energy_per_token_joules=gpus.joules_per_token(figures),
        energy_tokens=figures.gpu_energy_tokens or None,
    )


def _malformed(figures: Figures, kind: str) -> int | None:
    return figures.forms_malformed.get(kind, 0) if figures.forms_checked.get(kind) else None


def _distribution(histogram: Histogram) -> Distribution | None:
    if not histogram.count:
        return None
    p50, p90, p99 = (
        Quantile(value=value, low=interval.low, high=interval.high) if value is not None else None
        for value, interval in histogram.quantiles((0.5, 0.9, 0.99))
    )
    return Distribution(p50=p50, p90=p90, p99=p99, count=histogram.count)


def _objective(standing: ObjectiveStanding, inputs: Inputs) -> ObjectiveStatus:
    objective = standing.objective
    nearest = standing.nearest if standing.whole.total else None
    return ObjectiveStatus(
        name=objective.name,
        signal=ObjectiveSignal(objective.signal),
        source=ObjectiveSource(objective.source),
        threshold=objective.threshold_text or None,
        target=Decimal(objective.target.numerator) / Decimal(objective.target.denominator),
        window=timedelta(seconds=objective.window_seconds),
        models=objective.models,
        operations=tuple(map(Operation, objective.operations)),
        good=standing.whole.good,
        bad=standing.whole.bad,
        budget_left=None if standing.budget_spent is None else wording.significant(1 - standing.budget_spent),
        burn_rate=float(nearest.sustained) if nearest else None,
        burn_rate_limit=float(nearest.pair.factor) if nearest else None,
        holds=_holds(standing, inputs),
        note=_note(standing),
    )


def _note(standing: ObjectiveStanding) -> str | None:
    words = standing.not_counted or standing.why_no_event
    return words[:SENTENCE_LIMIT] or None


def _holds(standing: ObjectiveStanding, inputs: Inputs) -> bool | None:
    recent = standing.is_recent(inputs.now, inputs.settings.hold_for_seconds)
    return standing.firing is None if recent and (standing.judged or standing.firing) else None


def _resources(inputs: Inputs) -> ResourcesStatus | None:
    samples = [source.resources for _, source in inputs.fresh if source.resources]
    engines = [source.engine for _, source in inputs.fresh if source.engine]
    gpu, killed = gpus.status(inputs), oom_kills(inputs)
    if not samples and not engines and gpu is None and not killed:
        return None
    limited = [
        (one.memory_used_bytes / one.memory_limit_bytes, one.memory_used_bytes, one.memory_limit_bytes)
        for one in samples
        if one.memory_used_bytes is not None and one.memory_limit_bytes
    ]
    seen = [one.memory_used_bytes or one.rss_bytes for one in samples]
    seen = [used for used in seen if used]
    worst = max(limited, default=None)
    cores = [one.cpu_cores_used for one in samples if one.cpu_cores_used is not None]
    waiting = [one.waiting for one in engines if one.waiting is not None]
    return ResourcesStatus(
        memory_used_bytes=worst[1] if worst else max(seen, default=None),
        memory_limit_bytes=worst[2] if worst else None,
        memory_share=min(1.0, worst[0]) if worst else None,
        cpu_cores=sum(cores) if cores else None,
        cpu_throttled_share=max(
            (share for one in samples if (share := throttled_share(one)) is not None), default=None
        ),
        kv_cache_share=max(
            (min(1.0, one.kv_cache_use) for one in engines if one.kv_cache_use is not None), default=None
        ),
        requests_waiting=sum(waiting) if waiting else None,
        oom_kills=killed,
        gpu=gpu,
    )
