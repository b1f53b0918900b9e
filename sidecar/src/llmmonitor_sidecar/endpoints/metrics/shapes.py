"""Counters, gauges and histograms as prometheus-client's families, from plain label dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import Metric
from prometheus_client.utils import floatToGoString

from llmmonitor_api.report.histogram import Histogram

Labels = Mapping[str, str]
Samples = Iterable[tuple[Labels, float]]


def counter(name: str, text: str, samples: Samples, unit: str = "") -> Metric:
    """A counter `name`_total."""
    family = Metric(name, text, "counter", unit)
    for labels, value in samples:
        family.add_sample(f"{name}_total", dict(labels), value)
    return family


def gauge(name: str, text: str, samples: Samples, unit: str = "") -> Metric:
    """A gauge."""
    family = Metric(name, text, "gauge", unit)
    for labels, value in samples:
        family.add_sample(name, dict(labels), value)
    return family


def one(value: float | None) -> Samples:
    """The only sample of a family without labels; none where there is no figure."""
    return () if value is None else (({}, value),)


def info(name: str, text: str, labels: Labels) -> Metric:
    """Facts as labels of a gauge `name`_info that is 1."""
    family = Metric(name, text, "info")
    family.add_sample(f"{name}_info", dict(labels), 1)
    return family


def histogram(
    name: str,
    text: str,
    bounds: tuple[float, ...],
    samples: Iterable[tuple[Labels, Histogram]],
    unit: str = "",
) -> Metric:
    """A histogram with `bounds` (ascending), counted over from our finer buckets.

    A value counts below a bound up to our relative error at that bound; count and sum are exact.
    """
    family = Metric(name, text, "histogram", unit)
    spelled = [floatToGoString(bound) for bound in bounds]  # type: ignore[no-untyped-call]  # prometheus-client's
    for labels, values in samples:
        count = values.count
        for bound, cumulative in zip(spelled, values.cumulative(bounds), strict=True):
            family.add_sample(f"{name}_bucket", {**labels, "le": bound}, cumulative)
        family.add_sample(f"{name}_bucket", {**labels, "le": "+Inf"}, count)
        family.add_sample(f"{name}_count", dict(labels), count)
        family.add_sample(f"{name}_sum", dict(labels), values.sum)
    return family
