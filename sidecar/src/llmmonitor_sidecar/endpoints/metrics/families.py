"""All metric families of one report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import Metric

from llmmonitor_api.report.report import Report
from llmmonitor_sidecar.endpoints.metrics import (
    engine,
    engine_counts,
    gpus,
    interactions,
    interception,
    live_outcomes,
    objectives,
    probing,
    requests,
    resources,
    sidecar,
    traffic,
)


def families(report: Report, refusals: Mapping[tuple[str, str], int]) -> Iterator[Metric]:
    """Everything in `report`, and how often a request was refused by (endpoint, reason).

    Families without samples are left out: they would only say that there is nothing.
    """
    for family in all_families(report, refusals):
        if family.samples:
            yield family


def all_families(report: Report, refusals: Mapping[tuple[str, str], int]) -> Iterator[Metric]:
    """Those without samples too."""
    yield from traffic.families(list(report.totals.traffic.values()))
    yield from objectives.families(report.totals)
    yield from interception.families(report.interception, report.totals.interception)
    yield from sidecar.families(report, refusals)
    yield from requests.families(report.totals.requests)
    if report.interactions is not None:
        yield from interactions.families(report.totals.interactions, report.interactions)
    yield from live_outcomes.families(report.totals.live_outcomes)
    if report.resources is not None:
        yield from resources.families(report.resources)
    if report.engine is not None:
        yield from engine.families(report.engine)
        yield from engine_counts.families(report.totals.engine, report.totals.compared)
        if report.live.saturation is not None:
            yield from engine.queue(report.live.saturation)
    if report.probing is not None:
        yield from probing.families(report.totals.probes, report.probing, report.totals.probing_nanoseconds)
    if report.gpus is not None:
        yield from gpus.families(report.gpus, report.totals.gpu_energy_millijoules)
