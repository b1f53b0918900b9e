"""Someone must watch the monitor: Prometheus says when conditions are no longer renewed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.chart.prometheus_rules import PrometheusRules

_OURS = 'job="llm-monitor-operator", namespace="llm-monitor"'
LEADER, STANDBY = (f'llm_monitor_operator_leading{{{_OURS}, pod="{pod}"}}' for pod in ("a", "b"))
OTHERS = LEADER.replace("llm-monitor", "other")
_OF_A_MONITOR = 'job="llm-monitor-operator", namespace="prod", monitor="chat"'
JUDGED = f"llm_monitor_last_evaluation_timestamp_seconds{{{_OF_A_MONITOR}}}"
ABSENT, NOT_EVALUATED = "LLMMonitorOperatorAbsent", "LLMMonitorNotEvaluated"
EVERY_MINUTE = "60+60x40"
"""As Unix seconds that keep up with the clock, which begins at 0."""


@pytest.mark.parametrize(
    ("series", "minute", "firing"),
    [
        pytest.param({LEADER: "1x40", STANDBY: "0x40", JUDGED: EVERY_MINUTE}, 30, set(), id="one leads"),
        pytest.param({STANDBY: "0x40"}, 4, set(), id="a takeover is no absence"),
        pytest.param({STANDBY: "0x40"}, 6, {ABSENT}, id="a standby answers and does not lead"),
        pytest.param({}, 6, {ABSENT}, id="nothing is scraped"),
        pytest.param({LEADER: "1x10 stale"}, 20, {ABSENT}, id="the operator went away"),
        pytest.param({OTHERS: "1x40"}, 6, {ABSENT}, id="another's operator leads"),
        pytest.param({LEADER: "1x40", JUDGED: "60x40"}, 14, set(), id="judged a quarter of an hour ago"),
        pytest.param({LEADER: "1x40", JUDGED: "60x40"}, 25, {NOT_EVALUATED}, id="one monitor is stuck"),
        pytest.param({LEADER: "1x40", JUDGED: "60x10 stale"}, 30, set(), id="its monitor was deleted"),
    ],
)
def test_an_alert_fires_when_conditions_are_no_longer_renewed(
    prometheus_rules: PrometheusRules, series: Mapping[str, str], minute: int, firing: set[str]
) -> None:
    assert prometheus_rules.firing(series, minute) == firing


def test_the_stuck_monitor_is_named_with_its_age(prometheus_rules: PrometheusRules) -> None:
    found = prometheus_rules.fired({LEADER: "1x40", JUDGED: "60x40"}, 26)

    assert "LLMMonitor prod/chat was last judged 25m 0s ago" in found
