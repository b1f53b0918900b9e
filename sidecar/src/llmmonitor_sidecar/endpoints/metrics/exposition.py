"""Writes the families down in the format that the scraper asks for: Prometheus text or OpenMetrics.

No exemplars: they would carry the ids of single exchanges out of the pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from llmmonitor_api.report.report import Report
from llmmonitor_sidecar.endpoints.metrics.families import families


class ReportCollector(Collector):
    """A collector of one report: what prometheus-client's encoders and registries take."""

    def __init__(self, report: Report, refusals: Mapping[tuple[str, str], int]) -> None:
        self._report = report
        self._refusals = refusals

    def collect(self) -> Iterable[Metric]:
        """The families, computed now."""
        return families(self._report, self._refusals)


def exposition(report: Report, refusals: Mapping[tuple[str, str], int], accept: str) -> tuple[bytes, str]:
    """Body and content type for a scraper that sent `accept` (the Accept header, empty without one)."""
    encode, content_type = choose_encoder(accept)
    return encode(ReportCollector(report, refusals)), content_type
