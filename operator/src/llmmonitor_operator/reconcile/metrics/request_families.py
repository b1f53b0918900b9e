"""The metric family of the owner's checks on requests, all replicas together."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Metric

from llmmonitor_operator.monitors import Key
from llmmonitor_operator.reconcile.metrics.shapes import Family
from llmmonitor_operator.windows import Count


def request_checks(checks: Mapping[Key, Mapping[str, Count]], counter: Family) -> Metric:
    """By monitor, its checks' counts by name."""
    return counter(
        "request_checks",
        "Requests that pass or break a check of spec.requests; check=any is of all checks together.",
        ("check", "result"),
        (
            ((*key, check, result), requests)
            for key, of_monitor in checks.items()
            for check, count in of_monitor.items()
            for result, requests in (("valid", count.good), ("invalid", count.bad))
        ),
    )
