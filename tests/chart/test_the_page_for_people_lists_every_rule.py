"""docs/prometheus.md is held against the rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.chart.prometheus_rules import PrometheusRules

_PAGE = Path(__file__).parents[2] / "docs" / "prometheus.md"


def test_the_page_for_people_lists_every_alert_as_it_is(prometheus_rules: PrometheusRules) -> None:
    def because(rule: Mapping[str, Any]) -> tuple[str, ...]:
        """The condition, and the reasons where it is an alert of their own."""
        [kind, *_] = re.findall(r'type="(\w+)"', rule["expr"])
        own = re.fullmatch(r'max[^{]*_reason{[^}]*reason=~"([\w|]+)"}\) == 1', rule["expr"])
        return kind, *(own[1].split("|") if own else ())

    rows = {
        (rule["alert"], because(rule), rule["labels"]["severity"], rule["for"])
        for rule in prometheus_rules.rules
        if "alert" in rule and ', type="' in rule["expr"]
    }

    listed = re.findall(r"^\| `(\w+)` \| ([^|]+) \| (\w+) \| (\w+) \|$", _PAGE.read_text(), re.MULTILINE)

    assert {(alert, tuple(re.findall(r"`(\w+)`", why)), *rest) for alert, why, *rest in listed} == rows


def test_the_page_for_people_names_every_alert_and_record(prometheus_rules: PrometheusRules) -> None:
    page = _PAGE.read_text()

    assert not [
        rule["alert"]
        for rule in prometheus_rules.rules
        if "alert" in rule and f"`{rule['alert']}`" not in page
    ]
    recorded = {rule["record"].rpartition(":")[0] for rule in prometheus_rules.rules if "record" in rule}
    assert recorded == set(re.findall(r"llm_monitor:\w+(?=:)", page))
