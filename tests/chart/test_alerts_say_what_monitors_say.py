"""Every condition that is False is an alert, which says how to read on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.helm import Objects
from tests.chart.prometheus_rules import KNOWN, LEADS, MONITORING, PrometheusRules, of_monitor

from llmmonitor_api.conditions import CONDITION_TYPES, Role

_DOCS = Path(__file__).parents[2] / "docs"


def _condition(kind: str, status: str) -> str:
    return of_monitor("llm_monitor_condition", type=kind, status=status)


def test_each_condition_has_its_alert_but_the_summary(prometheus_rules: PrometheusRules) -> None:
    expressions = [rule["expr"] for rule in prometheus_rules.rules if "alert" in rule]

    types = [name for text in expressions for name in re.findall(r'_condition{[^}]*type="(\w+)"', text)]

    assert sorted(types) == sorted(kind.name for kind in CONDITION_TYPES if kind.role is not Role.SUMMARY)


@pytest.mark.parametrize("kind", [kind.name for kind in CONDITION_TYPES if kind.role is not Role.SUMMARY])
def test_a_condition_that_stays_false_fires_one_alert(prometheus_rules: PrometheusRules, kind: str) -> None:
    found = prometheus_rules.firing({**LEADS, _condition(kind, "False"): "1x30"}, 20)

    assert len(found) == 1


@pytest.mark.parametrize(
    ("series", "minute", "firing"),
    [
        pytest.param({_condition("PerformanceHealthy", "True"): "1x30"}, 20, False, id="it is healthy"),
        pytest.param({_condition("PerformanceHealthy", "Unknown"): "1x30"}, 20, False, id="it is not known"),
        pytest.param({_condition("PerformanceHealthy", "False"): "0x9 1x30"}, 10, False, id="one scrape"),
        pytest.param({_condition("PerformanceHealthy", "False"): "0x9 1x30"}, 12, True, id="a minute"),
        pytest.param({_condition("PerformanceHealthy", "False"): "1x9 0x9"}, 11, False, id="it came back"),
        pytest.param(
            {_condition("PerformanceHealthy", "False").replace("llm-monitor-operator", "kopf"): "1x30"},
            20,
            False,
            id="another's metric",
        ),
    ],
)
def test_the_alert_follows_the_condition(
    prometheus_rules: PrometheusRules, series: dict[str, str], minute: int, *, firing: bool
) -> None:
    found = prometheus_rules.firing({**LEADS, **series}, minute)

    assert found == ({"LLMPerformanceUnhealthy"} if firing else set())


def test_the_alert_names_the_monitor_and_how_to_read_on(prometheus_rules: PrometheusRules) -> None:
    found = prometheus_rules.fired({**LEADS, _condition("WithinBudget", "False"): "1x30"}, 20)

    assert "The model of LLMMonitor prod/chat has overrun its budget" in found
    assert "kubectl --namespace prod describe llmmonitor chat" in found
    assert 'severity="warning"' in found


def test_without_the_address_of_the_docs_alerts_link_to_nothing(prometheus_rules: PrometheusRules) -> None:
    assert not [rule for rule in prometheus_rules.rules if "runbook_url" in rule.get("annotations", {})]


def test_every_alert_links_to_a_heading_that_says_what_to_do(render: Callable[..., Objects]) -> None:
    values = {
        "monitoring": MONITORING | {"prometheusRule": {"enabled": True, "docsUrl": "https://e.org/docs"}}
    }
    spec = render(values, *KNOWN)["PrometheusRule", "llm-monitor", "llm-monitor"]["spec"]

    alerts = [rule for group in spec["groups"] for rule in group["rules"] if "alert" in rule]

    for rule in alerts:
        address, _, page = rule["annotations"]["runbook_url"].rpartition("/")
        name, _, anchor = page.partition("#")
        headings = re.findall(r"^#+ (.+)$", (_DOCS / name).read_text(), re.MULTILINE)
        assert address == "https://e.org/docs"
        assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, rule["alert"]
