"""The metric family of the owner's checks on requests, all replicas together."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Metric

from llmmonitor_api.report.requests import JSON_SCHEMA
from llmmonitor_operator.monitors import Key
from llmmonitor_operator.reconcile.metrics.shapes import Family
from llmmonitor_operator.request_counts import TOO_LARGE
from llmmonitor_operator.windows import Count


def request_checks(checks: Mapping[Key, Mapping[str, Count]], counter: Family) -> Metric:
    """By monitor, its checks' counts by name."""
    return counter(
        "request_checks",
        "Requests that pass or break a check of spec.requests, or whose body is too large for it;"
        " check=any is of all checks together.",
        ("check", "result"),
        (
            ((*key, *labels), requests)
            for key, of_monitor in checks.items()
            for check, count in of_monitor.items()
            for labels, requests in _results(check, count)
        ),
    )


def _results(check: str, count: Count) -> tuple[tuple[tuple[str, str], int], ...]:
    if check == TOO_LARGE:
        return (((JSON_SCHEMA, "too_large"), count.bad),)
    return ((check, "valid"), count.good), ((check, "invalid"), count.bad)
