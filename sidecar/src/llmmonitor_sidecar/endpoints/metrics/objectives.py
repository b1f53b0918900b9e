"""Good and bad events of the objectives: what alert rules are made of, exact, never from buckets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import Metric

from llmmonitor_api.report.totals import ObjectiveCounts
from llmmonitor_sidecar.endpoints.metrics.labels import label
from llmmonitor_sidecar.endpoints.metrics.shapes import counter


def families(objectives: Iterable[ObjectiveCounts]) -> Iterator[Metric]:
    """One family; `threshold` tells an objective from what it was before it was changed."""
    yield counter(
        "llm_monitor_objective_events",
        "Events that an objective judged, by result.",
        (
            (
                {
                    "objective": label(counts.name),
                    "signal": label(counts.signal),
                    "threshold": label(counts.threshold),
                    "result": result,
                },
                events,
            )
            for counts in objectives
            for result, events in (("good", counts.good), ("bad", counts.bad))
        ),
    )
