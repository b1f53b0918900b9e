"""The sidecar itself and what goes on at this moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import Metric

from llmmonitor_api.report.report import Report
from llmmonitor_sidecar.endpoints.metrics.labels import label
from llmmonitor_sidecar.endpoints.metrics.shapes import counter, gauge, info, one

_OURS = "llm_monitor"


def families(report: Report, refusals: Mapping[tuple[str, str], int]) -> Iterator[Metric]:
    """Every family about this sidecar; `refusals` by (endpoint, reason)."""
    identity, live = report.identity, report.live
    yield info(f"{_OURS}_build", "What is running.", {"version": label(identity.sidecar_version)})
    yield gauge(
        f"{_OURS}_start_time_seconds",
        "When counting began, in Unix seconds.",
        one(identity.started_at),
        "seconds",
    )
    yield gauge(
        f"{_OURS}_configuration_generation",
        "Generation of the configuration in force; 0 before any.",
        one(identity.configuration_generation),
    )
    yield counter(
        f"{_OURS}_refused",
        "Requests refused, by endpoint and reason.",
        (({"endpoint": where, "reason": reason}, n) for (where, reason), n in sorted(refusals.items())),
    )
    yield counter(
        f"{_OURS}_requests_begun",
        "Generating requests that the model has received completely.",
        one(report.totals.begun),
    )
    yield counter(
        f"{_OURS}_busy_seconds",
        "Time with at least one request in flight.",
        one(report.totals.busy_nanoseconds / 1e9),
        "seconds",
    )
    yield counter(
        f"{_OURS}_observed_seconds",
        "Time of which it could be told whether a request was in flight.",
        one(report.totals.observed_nanoseconds / 1e9),
        "seconds",
    )
    yield gauge(
        f"{_OURS}_requests_in_flight",
        "Requests that the model has completely and has not answered completely.",
        one(live.in_flight),
    )
    yield gauge(
        f"{_OURS}_oldest_request_in_flight_seconds",
        "Age of the oldest of them.",
        one(live.oldest_in_flight_seconds),
        "seconds",
    )
    yield gauge(
        f"{_OURS}_without_progress_seconds",
        "With requests in flight: time since the model last gave a sign of work.",
        one(live.seconds_without_progress),
        "seconds",
    )
    yield gauge(
        f"{_OURS}_last_request_age_seconds",
        "Time since the last request; absent before any.",
        one(live.last_request_age_seconds),
        "seconds",
    )
