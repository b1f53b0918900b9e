"""The webhook's own metrics, in a registry of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from llmmonitor_operator.webhook.outcome import Outcome

_PREFIX = "llm_monitor_webhook"
GAUGES = {
    "certificate_expiry_timestamp_seconds": "When the served certificate ends, in Unix seconds; 0: none.",
    "verdicts_fresh": "1 while the operator renews its Lease; without it nothing is injected.",
    "watches_broken": "Kinds of objects that cannot be watched now.",
    "requests": "Requests being answered.",
}
"""Values that are asked for at each scrape: by name, what they mean."""
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


class WebhookMetrics:
    """Everything that `/metrics` shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._answers = Counter(
            f"{_PREFIX}_answers",
            "Admission requests answered, by what became of the pod and why.",
            ("result", "reason"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            f"{_PREFIX}_answer_duration_seconds",
            "From the first byte of a request to its answer.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._refused_certificates = Counter(
            f"{_PREFIX}_certificates_refused",
            "Certificate files that could not be used; the one before stays in use.",
            registry=self.registry,
        )

    def answered(self, outcome: Outcome, seconds: float) -> None:
        """One request was."""
        self._answers.labels(outcome.result.value, outcome.reason).inc()
        self._seconds.observe(seconds)

    def certificate_refused(self) -> None:
        """New files were of no use."""
        self._refused_certificates.inc()

    def show(self, values: Mapping[str, Callable[[], float]]) -> None:
        """Args: values: of every one of `GAUGES`."""
        self.registry.register(_Gauges(values))


class _Gauges(Collector):
    def __init__(self, values: Mapping[str, Callable[[], float]]) -> None:
        self._values = values

    def collect(self) -> Iterator[Metric]:
        for name, meaning in GAUGES.items():
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", meaning, value=self._values[name]())
