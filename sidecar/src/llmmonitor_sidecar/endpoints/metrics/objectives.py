"""Good and bad events of the objectives: what alert rules are made of, exact, never from buckets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import Metric

from llmmonitor_api.report.totals import ObjectiveCounts, Totals
from llmmonitor_sidecar.endpoints.metrics.labels import label
from llmmonitor_sidecar.endpoints.metrics.shapes import counter


def families(totals: Totals) -> Iterator[Metric]:
    """By objective, with what tells one from what it was before it was changed; and by request."""
    yield _events(totals.objectives.values())
    judged = (("met", totals.met_objectives), ("missed", totals.missed_objectives))
    yield counter(
        "llm_monitor_goodput_requests",
        "Requests that met every objective that judged them, and those that missed one.",
        (({"result": result}, requests) for result, requests in judged),
    )


def _events(objectives: Iterable[ObjectiveCounts]) -> Metric:
    return counter(
        "llm_monitor_objective_events",
        "Events that an objective judged, by result.",
        (
            (
                {
                    "objective": label(counts.name),
                    "signal": label(counts.signal),
                    "threshold": label(counts.threshold),
                    "models": label(counts.models),
                    "operations": label(counts.operations),
                    "result": result,
                },
                events,
            )
            for counts in objectives
            for result, events in (("good", counts.good), ("bad", counts.bad))
        ),
    )
