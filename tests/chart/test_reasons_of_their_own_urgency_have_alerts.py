"""A reason that somebody else attends to, or sooner or later, is an alert instead of its condition."""

from __future__ import annotations

import re

import pytest
from tests.chart.prometheus_rules import LEADS, PrometheusRules, of_monitor

from llmmonitor_api.conditions import CONDITION_TYPES, Role, Status

REASONS = [
    (kind.name, reason.name)
    for kind in CONDITION_TYPES
    if kind.role is not Role.SUMMARY
    for reason in kind.reasons
    if reason.status is Status.FALSE
]
OWN = {
    ("ResourcesHealthy", "MemoryNearLimit"): ("LLMMemoryNearLimit", "critical"),
    ("ResourcesHealthy", "GPUErrors"): ("LLMGPUErrors", "critical"),
    ("ResourcesHealthy", "KVCacheSaturated"): ("LLMSaturated", "warning"),
    ("ResourcesHealthy", "Saturated"): ("LLMSaturated", "warning"),
    ("ResourcesHealthy", "CPUThrottled"): ("LLMCPUThrottled", "warning"),
    ("PerformanceHealthy", "Anomaly"): ("LLMAnomaly", "warning"),
    ("WithinBudget", "OverrunForecast"): ("LLMBudgetOverrunForecast", "warning"),
}


def _because(kind: str, reason: str, *, monitor: str = "chat") -> dict[str, str]:
    status = {"type": kind, "status": "False"}
    return {
        of_monitor("llm_monitor_condition", monitor=monitor, **status): "1x90",
        of_monitor("llm_monitor_condition_reason", monitor=monitor, **status, reason=reason): "1x90",
    }


def test_every_reason_fires_exactly_one_alert(prometheus_rules: PrometheusRules) -> None:
    series = dict(LEADS)
    for kind, reason in REASONS:
        series |= _because(kind, reason, monitor=f"{kind}-{reason}")

    found = prometheus_rules.fired(series, 80)

    fired: dict[str, list[str]] = {}
    for alert, monitor in re.findall(r'alertname="(\w+)"[^}]*monitor="([\w-]+)"', found):
        fired.setdefault(monitor, []).append(alert)
    assert {monitor: len(alerts) for monitor, alerts in fired.items()} == {
        f"{kind}-{reason}": 1 for kind, reason in REASONS
    }
    own = {name for name, _ in OWN.values()}
    assert {(kind, reason) for kind, reason in REASONS if fired[f"{kind}-{reason}"][0] in own} == set(OWN)


@pytest.mark.parametrize(("kind", "reason"), OWN)
def test_a_reason_of_its_own_urgency_has_its_own_severity(
    prometheus_rules: PrometheusRules, kind: str, reason: str
) -> None:
    found = prometheus_rules.fired({**LEADS, **_because(kind, reason)}, 80)

    name, severity = OWN[kind, reason]
    assert f'alertname="{name}"' in found
    assert f'severity="{severity}"' in found
    assert reason in found, "the summary names it"


def test_memory_that_fills_does_not_wait(prometheus_rules: PrometheusRules) -> None:
    series = _because("ResourcesHealthy", "MemoryNearLimit")

    assert prometheus_rules.firing({**LEADS, **series}, 0) == {"LLMMemoryNearLimit"}


def test_another_reason_of_the_condition_is_the_conditions_alert(prometheus_rules: PrometheusRules) -> None:
    series = _because("ResourcesHealthy", "OOMKilled")

    assert prometheus_rules.firing({**LEADS, **series}, 20) == {"LLMResourcesUnhealthy"}
