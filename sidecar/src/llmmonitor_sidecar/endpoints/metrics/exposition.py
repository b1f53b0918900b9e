"""Writes the families down in the format that the scraper asks for: Prometheus text or OpenMetrics.

Two formats and no more of the negotiation: what differs between their versions (quoting of names) never
occurs here. No exemplars: they would carry the ids of single exchanges out of the pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as TEXT
from prometheus_client.exposition import generate_latest as write_text
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as write_openmetrics
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


def content_type(accept: str) -> str:
    """The one of two formats that a scraper with this Accept header gets (empty without one)."""
    return OPENMETRICS if "application/openmetrics-text" in accept else TEXT


def exposition(report: Report, refusals: Mapping[tuple[str, str], int], accept: str) -> tuple[bytes, str]:
    """Body and content type."""
    chosen = content_type(accept)
    write = write_openmetrics if chosen == OPENMETRICS else write_text
    return write(ReportCollector(report, refusals)), chosen
