"""The owner's checks on requests: how many pass and break each, and what of it."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric

from llmmonitor_api.report.requests import JSON_SCHEMA, RequestCounts
from llmmonitor_sidecar.endpoints.metrics.labels import label
from llmmonitor_sidecar.endpoints.metrics.shapes import counter


def families(counts: RequestCounts) -> Iterator[Metric]:
    """Of the setting in force; another one begins them anew."""
    results = [
        ("any", result, many)
        for result, many in (("valid", counts.valid), ("invalid", counts.invalid))
        if counts.setting
    ]
    for name, one in sorted(counts.checks.items()):
        results += [(name, "valid", one.valid), (name, "invalid", one.invalid)]
    if counts.too_large:
        results.append((JSON_SCHEMA, "too_large", counts.too_large))
    yield counter(
        "llm_monitor_request_checks",
        "Requests that pass or break a check of spec.requests, or whose body is too large for it;"
        " check=any is of all checks together.",
        (({"check": label(name), "result": result}, many) for name, result, many in results),
    )
    unchecked = max(0, counts.exchanges - counts.valid - counts.invalid)
    yield counter(
        "llm_monitor_requests_unchecked",
        "Ended generating requests that were not checked: not yet, too long, or for want of CPU.",
        (({}, unchecked),) if counts.setting else (),
    )
    yield counter(
        "llm_monitor_request_check_details",
        "Requests that break a check, by what they break of it.",
        (({"detail": label(key)}, many) for key, many in sorted(counts.details.items())),
    )
