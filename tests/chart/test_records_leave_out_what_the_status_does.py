"""Figures that inexact counts would overstate are absent in recorded series where they are in the status."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.chart.prometheus_rules import KNOWN, MONITORING

from llmmonitor_operator.cost.standing import EXACT_SHARE_NEEDED
from llmmonitor_operator.evaluate.gpus import INEXACT_LIMIT
from llmmonitor_operator.figures import EXACT_SOURCES, NO_TOKENS

Objects = Mapping[tuple[str, str, str], Mapping[str, Any]]


@pytest.fixture
def recorded(render: Callable[..., Objects]) -> dict[str, str]:
    """Expressions of the recorded series, by name."""
    spec = render({"monitoring": MONITORING}, *KNOWN)["PrometheusRule", "llm-monitor", "llm-monitor"]["spec"]
    rules = [rule for group in spec["groups"] for rule in group["rules"]]
    return {rule["record"]: rule["expr"] for rule in rules if "record" in rule}


def test_cost_of_tokens_needs_as_many_exact_counts(recorded: Mapping[str, str]) -> None:
    expression = recorded["llm_monitor:cost_per_million_output_tokens:ratio_increase1h"]

    [needed] = re.findall(r"< ([\d.]+) \*", expression)
    [sources] = re.findall(r'source=~"([\w|]+)"', expression)
    [none] = re.findall(r'source!="(\w+)"', expression)

    assert float(needed) == EXACT_SHARE_NEEDED
    assert set(sources.split("|")) == EXACT_SOURCES
    assert none == NO_TOKENS


def test_energy_of_a_token_takes_as_many_lower_bounds(recorded: Mapping[str, str]) -> None:
    expression = recorded["llm_monitor:gpus_energy_joules_per_token:ratio_rate1h"]

    [allowed] = re.findall(r"> ([\d.]+) \* sum", expression)

    assert float(allowed) == INEXACT_LIMIT
