"""The PrometheusRule as Prometheus itself evaluates it (`promtool test rules`), minute by minute."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from e2e.helm import Objects

Render = Callable[..., Objects]
KINDS = ("ServiceMonitor", "PrometheusRule")
KNOWN = [f"--api-versions=monitoring.coreos.com/v1/{kind}" for kind in KINDS]
MONITORING = {kind[0].lower() + kind[1:]: {"enabled": True} for kind in KINDS}
OURS = 'job="llm-monitor-operator", namespace="llm-monitor"'
LEADER, STANDBY = (f'llm_monitor_operator_leading{{{OURS}, pod="{pod}"}}' for pod in ("a", "b"))
JUDGED = 'llm_monitor_last_evaluation_timestamp_seconds{job="llm-monitor-operator", namespace="prod", monitor="chat"}'
ABSENT, NOT_EVALUATED = "LLMMonitorOperatorAbsent", "LLMMonitorNotEvaluated"
EVERY_MINUTE = "60+60x40"
"""As Unix seconds that keep up with the clock, which begins at 0."""


@pytest.fixture(scope="module")
def promtool() -> str:
    own = Path(__file__).parents[2] / ".cache" / "promtool" / "promtool"
    found = str(own) if own.exists() else shutil.which("promtool")
    if not found:
        pytest.skip(
            "!!! NOT TESTED: the alerts, because there is no promtool; see tests/install-system-packages"
        )
    return found


@pytest.fixture(scope="module")
def rules(render: Render) -> Mapping[str, Any]:
    objects = render({"monitoring": MONITORING}, *KNOWN)
    return dict(objects["PrometheusRule", "llm-monitor", "llm-monitor"]["spec"])


@pytest.mark.parametrize(
    ("series", "minute", "firing"),
    [
        pytest.param({LEADER: "1x40", STANDBY: "0x40", JUDGED: EVERY_MINUTE}, 30, set(), id="one leads"),
        pytest.param({STANDBY: "0x40"}, 4, set(), id="a takeover is no absence"),
        pytest.param({STANDBY: "0x40"}, 6, {ABSENT}, id="a standby answers and does not lead"),
        pytest.param({}, 6, {ABSENT}, id="nothing is scraped"),
        pytest.param({LEADER: "1x10 stale"}, 20, {ABSENT}, id="the operator went away"),
        pytest.param(
            {LEADER.replace("llm-monitor", "other"): "1x40"}, 6, {ABSENT}, id="another's operator leads"
        ),
        pytest.param({LEADER: "1x40", JUDGED: "60x40"}, 14, set(), id="judged a quarter of an hour ago"),
        pytest.param({LEADER: "1x40", JUDGED: "60x40"}, 25, {NOT_EVALUATED}, id="one monitor is stuck"),
        pytest.param({LEADER: "1x40", JUDGED: "60x10 stale"}, 30, set(), id="its monitor was deleted"),
    ],
)
def test_an_alert_fires_when_conditions_are_no_longer_renewed(
    promtool: str,
    rules: Mapping[str, Any],
    tmp_path: Path,
    series: Mapping[str, str],
    minute: int,
    firing: set[str],
) -> None:
    given = [{"series": name, "values": values} for name, values in series.items()]
    expected = {name: [{}] if name in firing else [] for name in (ABSENT, NOT_EVALUATED)}

    said = _fired(promtool, rules, tmp_path, given, minute, expected)

    # without labels to compare, promtool prints what fired: only the names are of interest
    assert {name for name in expected if f'alertname="{name}"' in said} == firing


def test_the_stuck_monitor_is_named_with_its_age(
    promtool: str, rules: Mapping[str, Any], tmp_path: Path
) -> None:
    given = [{"series": LEADER, "values": "1x40"}, {"series": JUDGED, "values": "60x40"}]

    said = _fired(promtool, rules, tmp_path, given, 26, {NOT_EVALUATED: [{}]})

    assert "LLMMonitor prod/chat was last judged 25m 0s ago" in said


def _fired(
    promtool: str,
    rules: Mapping[str, Any],
    folder: Path,
    series: list[dict[str, str]],
    minute: int,
    expected: Mapping[str, list[dict[str, Any]]],
) -> str:
    (folder / "rules.yaml").write_text(json.dumps(rules))
    asked = [
        {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": alerts}
        for name, alerts in expected.items()
    ]
    test = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": asked}],
    }
    (folder / "test.yaml").write_text(json.dumps(test))
    command = [promtool, "test", "rules", str(folder / "test.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr
