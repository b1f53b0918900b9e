"""Who watches the monitor: a Prometheus that scrapes by the chart's objects alerts when nobody judges."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from e2e.installed import Installed
from e2e.prometheus import Prometheus
from e2e.waiting import until

MINUTES = 60.0


@pytest.fixture
def without_operator(product: Installed, prometheus: Prometheus) -> Iterator[None]:
    """The release with no operator's pod, after Prometheus has seen one lead."""
    until(
        lambda: prometheus.ask("llm_monitor_operator_leading == 1"), "Prometheus to see a leader", 1 * MINUTES
    )
    assert not prometheus.firing(alertname="LLMMonitorOperatorAbsent")
    with product.without_operator():
        yield


@pytest.mark.usefixtures("without_operator")
def test_the_alert_fires_once_no_operator_has_led_for_five_minutes(prometheus: Prometheus) -> None:
    [alert] = until(
        lambda: prometheus.firing(alertname="LLMMonitorOperatorAbsent"), "the alert to fire", 8 * MINUTES
    )

    assert alert["severity"] == "critical"
