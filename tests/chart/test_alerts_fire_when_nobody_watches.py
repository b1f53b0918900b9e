"""The PrometheusRule as Prometheus itself evaluates it (`promtool test rules`), minute by minute."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from e2e.helm import Objects

Render = Callable[..., Objects]
Fired = Callable[[Mapping[str, str], int], str]
KINDS = ("ServiceMonitor", "PrometheusRule")
KNOWN = [f"--api-versions=monitoring.coreos.com/v1/{kind}" for kind in KINDS]
MONITORING = {kind[0].lower() + kind[1:]: {"enabled": True} for kind in KINDS}
_OURS = 'job="llm-monitor-operator", namespace="llm-monitor"'
LEADER, STANDBY = (f'llm_monitor_operator_leading{{{_OURS}, pod="{pod}"}}' for pod in ("a", "b"))
OTHERS = LEADER.replace("llm-monitor", "other")
_OF_A_MONITOR = 'job="llm-monitor-operator", namespace="prod", monitor="chat"'
JUDGED = f"llm_monitor_last_evaluation_timestamp_seconds{{{_OF_A_MONITOR}}}"
ABSENT, NOT_EVALUATED = "LLMMonitorOperatorAbsent", "LLMMonitorNotEvaluated"
EVERY_MINUTE = "60+60x40"
"""As Unix seconds that keep up with the clock, which begins at 0."""


@pytest.fixture
def fired(render: Render, promtool: str, tmp_path: Path) -> Fired:
    """`fired(series, minute)`: the alerts that fire then, with their texts, given these series by minute."""
    objects = render({"monitoring": MONITORING}, *KNOWN)
    rules = objects["PrometheusRule", "llm-monitor", "llm-monitor"]["spec"]
    (tmp_path / "rules.yaml").write_text(json.dumps(rules))

    def got(series: Mapping[str, str], minute: int) -> str:
        # promtool prints what fires only beside an expectation that it differs from
        never = [{"exp_labels": {"of": "nobody"}}]
        asked = [
            {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": never}
            for name in (ABSENT, NOT_EVALUATED)
        ]
        given = [{"series": name, "values": values} for name, values in series.items()]
        test = {
            "rule_files": ["rules.yaml"],
            "evaluation_interval": "1m",
            "tests": [{"interval": "1m", "input_series": given, "alert_rule_test": asked}],
        }
        (tmp_path / "test.yaml").write_text(json.dumps(test))
        command = [promtool, "test", "rules", str(tmp_path / "test.yaml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        found = re.findall(r"got:\[(.*?)\]", done.stdout + done.stderr, re.DOTALL)
        assert len(found) == len(asked), done.stderr
        return "".join(found)

    return got


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
    fired: Fired, series: Mapping[str, str], minute: int, firing: set[str]
) -> None:
    found = fired(series, minute)

    assert set(re.findall(r'alertname="(\w+)"', found)) == firing


def test_the_stuck_monitor_is_named_with_its_age(fired: Fired) -> None:
    found = fired({LEADER: "1x40", JUDGED: "60x40"}, 26)

    assert "LLMMonitor prod/chat was last judged 25m 0s ago" in found
