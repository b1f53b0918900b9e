"""The metric families of what pods have and use now: queues, KV caches, memory, CPU, pressure and GPUs.

By monitor, from the newest sample of every pod that is judged by: added up where a sum means something, else
of the pod that is worst off, since the mean of two pods hides the one that fails. Each pod by itself is in
its sidecar's own metrics. A figure that no pod gives is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from prometheus_client import Metric

from llmmonitor_api.report.report import Engine, Pressure, Resources
from llmmonitor_api.status import GPUStatus
from llmmonitor_operator.evaluate import gpus, memory_forecast, saturation
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.evaluate.resources import throttled_share
from llmmonitor_operator.monitors import Key
from llmmonitor_operator.reconcile.metrics.shapes import Family
from llmmonitor_operator.state import Source

_RESOURCES = frozenset({"cpu", "memory", "io"})
_WHOSE = frozenset({"model", "node"})
"""Label values. A report may hold any others: their number must not grow with what a pod likes to send."""


@dataclass(frozen=True, slots=True)
class _Pods:
    """Of one monitor, those that may be judged by."""

    sources: tuple[Source, ...]
    gpus: GPUStatus | None

    @property
    def resources(self) -> list[Resources]:
        return [one.resources for one in self.sources if one.resources]

    @property
    def engines(self) -> list[Engine]:
        """Those whose last scrape went well."""
        return [one.engine for one in self.sources if one.engine and not one.engine.error]


def pod_families(inputs: Mapping[Key, Inputs], gauge: Family) -> Iterator[Metric]:
    """All of them; those without samples too."""
    pods = {
        key: _Pods(tuple(source for _, source in one.fresh), gpus.status(one)) for key, one in inputs.items()
    }

    def figure(name: str, text: str, of: Callable[[_Pods], float | None]) -> Metric:
        found = ((key, of(one)) for key, one in pods.items())
        return gauge(name, text, (), ((key, value) for key, value in found if value is not None))

    yield figure(
        "engine_requests_running",
        "Requests being worked on.",
        lambda one: _sum(engine.running for engine in one.engines),
    )
    yield figure(
        "engine_requests_waiting",
        "Requests queued.",
        lambda one: _sum(engine.waiting for engine in one.engines),
    )
    yield figure(
        "engine_kv_cache_used_ratio",
        "KV cache in use, of the pod with the fullest.",
        lambda one: _most(engine.kv_cache_use for engine in one.engines),
    )
    yield gauge(
        "queue_pods",
        "Pods whose engine's queue is watched, by whether more comes than it serves.",
        ("saturated",),
        (
            ((*key, saturated), number)
            for key, one in pods.items()
            for saturated, number in _queues(one.sources)
        ),
    )
    yield figure(
        "model_cpu_cores_used",
        "Cores used over the last minute.",
        lambda one: _sum(found.cpu_cores_used for found in one.resources),
    )
    yield figure(
        "model_cpu_throttled_ratio",
        "Share of the last minute that the CPU limit held the model back, of the pod with the largest.",
        lambda one: _most(throttled_share(found) for found in one.resources),
    )
    yield from _memory(pods, gauge)
    yield gauge(
        "pressure_ratio",
        "Share of the last 60 s in which some or all (full) waited for a resource, of the pod with the most.",
        ("resource", "of", "stalled"),
        (((*key, *labels), share) for key, one in pods.items() for labels, share in _pressure(one).items()),
    )
    yield from _gpus(pods, gauge, figure)


def _queues(sources: Iterable[Source]) -> Iterator[tuple[str, int]]:
    watched = [saturation.is_saturated(one) for one in sources if one.live.saturation is not None]
    if watched:
        yield "true", sum(watched)
        yield "false", len(watched) - sum(watched)


def _memory(pods: Mapping[Key, _Pods], gauge: Family) -> Iterator[Metric]:
    """Of the pod that is nearest to its limit, both figures of the same one."""
    nearest = {key: found for key, one in pods.items() if (found := _nearest(one.resources))}
    for position, (name, text) in enumerate(
        (
            ("used", "Memory that the limit applies to, of the pod that is nearest to its limit."),
            ("limit", "Its memory limit."),
        )
    ):
        samples = ((key, found[position]) for key, found in nearest.items())
        yield gauge(f"model_memory_{name}_bytes", text, (), samples)
    yield gauge(
        "model_memory_limit_reached_timestamp_seconds",
        "When the first pod's memory reaches its limit, in Unix seconds: expected, and both ends of the 95 % "
        "interval; absent unless that is foreseen.",
        ("bound",),
        (((*key, bound), at) for key, one in pods.items() for bound, at in _reached(one.sources)),
    )


def _nearest(samples: Iterable[Resources]) -> tuple[int, int] | None:
    limited = [
        (one.memory_used_bytes, one.memory_limit_bytes)
        for one in samples
        if one.memory_used_bytes is not None and one.memory_limit_bytes
    ]
    return max(limited, key=lambda one: one[0] / one[1], default=None)


def _reached(sources: Iterable[Source]) -> Iterator[tuple[str, float]]:
    found = [
        (one.at - one.resources.sampled_age_seconds, forecast)
        for one in sources
        if one.resources and (forecast := memory_forecast.forecast(one))
    ]
    if found:
        at, first = min(found, key=lambda one: one[0] + one[1].seconds)
        yield "expected", at + first.seconds
        yield "low", at + first.soonest
        yield "high", at + first.latest


def _pressure(pods: _Pods) -> dict[tuple[str, str, str], float]:
    most: dict[tuple[str, str, str], float] = {}
    for one in pods.resources:
        for resource, stall in one.pressure.items():
            if resource in _RESOURCES and stall.of in _WHOSE:
                for stalled, share in _shares(stall):
                    labels = resource, stall.of, stalled
                    most[labels] = max(most.get(labels, 0.0), share)
    return most


def _shares(stall: Pressure) -> tuple[tuple[str, float], ...]:
    return ("some", stall.some_60s), ("full", stall.full_60s)


def _gpus(
    pods: Mapping[Key, _Pods],
    gauge: Family,
    figure: Callable[[str, str, Callable[[_Pods], float | None]], Metric],
) -> Iterator[Metric]:
    known = {key: one.gpus for key, one in pods.items() if one.gpus is not None}
    yield gauge(
        "gpus",
        "GPUs that the pods request, those of them that are measured, and those that no longer answer.",
        ("state",),
        (
            ((*key, state), number)
            for key, one in known.items()
            for state, number in (("requested", one.requested), ("measured", one.visible), ("lost", one.lost))
        ),
    )
    for name, text, attribute in (
        ("gpus_utilisation_ratio", "Mean over the GPUs of the time in which any kernel ran.", "utilisation"),
        ("gpus_memory_used_bytes", "Memory in use of all GPUs.", "memory_used_bytes"),
        ("gpus_memory_total_bytes", "Memory of all GPUs.", "memory_total_bytes"),
        ("gpus_power_watts", "Power that all GPUs draw; not of partitioned ones.", "power_watts"),
        ("gpus_xids", "Errors (XIDs) of the GPUs' own that drivers reported to these pods.", "errors"),
    ):
        yield figure(name, text, partial(_of_gpus, attribute))


def _of_gpus(attribute: str, pods: _Pods) -> float | None:
    value: float | None = getattr(pods.gpus, attribute, None)
    return value


def _sum(values: Iterable[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return sum(known) if known else None


def _most(values: Iterable[float | None]) -> float | None:
    return max((one for one in values if one is not None), default=None)
