"""Every panel of the Grafana dashboard asks for series that there are, in PromQL that Prometheus reads."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from e2e.helm import Objects
from tests.chart.prometheus_rules import KNOWN, MONITORING, PrometheusRules

ENABLED = {"monitoring": MONITORING | {"grafanaDashboard": {"enabled": True}}}
KEY = ("ConfigMap", "llm-monitor", "llm-monitor-dashboard")
CHOSEN = {"namespace": "$namespace", "monitor": "$monitor"}
_SERIES = re.compile(r"(?P<name>(?:llm_monitor|gen_ai_server)[a-z0-9_:]*)(?:{(?P<selector>[^}]*)})?")


@pytest.fixture
def dashboard(render: Callable[..., Objects]) -> Mapping[str, Any]:
    """As Grafana's sidecar finds it."""
    [text] = render(ENABLED, *KNOWN)[KEY]["data"].values()
    return dict(json.loads(text))


@pytest.fixture
def expressions(dashboard: Mapping[str, Any]) -> list[str]:
    """The panels' PromQL."""
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]


def _families() -> Mapping[str, set[str]]:
    """The operator's of monitors with their labels, as docs/metrics.md (which is generated) lists them."""
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    section = page.partition("## Operator: monitors")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| \w+ \| ([^|]*)\|", section, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", labels)) | set(CHOSEN) for name, labels in rows}


def _without_suffix(name: str) -> str:
    return re.sub(r"_bucket$", "", name)


def test_it_is_found_by_grafanas_sidecar_and_off_by_default(render: Callable[..., Objects]) -> None:
    assert KEY not in render({"monitoring": MONITORING}, *KNOWN)

    labels = render(ENABLED, *KNOWN)[KEY]["metadata"]["labels"]

    assert labels["grafana_dashboard"] == "1"


def test_every_series_it_asks_for_exists(expressions: list[str], prometheus_rules: PrometheusRules) -> None:
    recorded = {rule["record"] for rule in prometheus_rules.rules if "record" in rule}

    asked = {found["name"] for text in expressions for found in _SERIES.finditer(text)}

    assert len(asked) > 30
    assert asked - recorded - set(_families()) == set()


def test_every_series_of_the_rules_exists(prometheus_rules: PrometheusRules) -> None:
    """Those of the operator's own work are in a section of their own."""
    recorded = {rule["record"] for rule in prometheus_rules.rules if "record" in rule}

    asked = {found["name"] for rule in prometheus_rules.rules for found in _SERIES.finditer(rule["expr"])}

    unknown = {_without_suffix(name) for name in asked} - recorded - set(_families())
    assert unknown == {"llm_monitor_operator_leading"}


def test_every_label_it_or_a_rule_selects_by_is_the_familys(
    expressions: list[str], prometheus_rules: PrometheusRules
) -> None:
    families = _families()
    texts = [*expressions, *(rule["expr"] for rule in prometheus_rules.rules)]

    selected = [
        (name, label)
        for text in texts
        for found in _SERIES.finditer(text)
        if (name := found["name"]) in families
        for label in re.findall(r"(\w+)(?:=~|!~|!=|=)\"", found["selector"] or "")
    ]

    assert [one for one in selected if one[1] not in families[one[0]] | {"job"}] == []


def test_prometheus_reads_every_expression(expressions: list[str], promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(expressions)]
    file = tmp_path / "panels.json"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))

    done = subprocess.run(
        [promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(expressions)} rules found" in done.stdout


def test_every_panel_follows_what_is_chosen_above_it(
    dashboard: Mapping[str, Any], expressions: list[str]
) -> None:
    chosen = {one["name"] for one in dashboard["templating"]["list"]}
    for text in expressions:
        for found in _SERIES.finditer(text):
            selected = dict(re.findall(r'(\w+)=~"([^"]*)"', found["selector"] or ""))
            assert selected.items() >= CHOSEN.items(), text

    assert chosen == {"datasource", *CHOSEN}


def test_panels_have_a_place_and_a_number_of_their_own(dashboard: Mapping[str, Any]) -> None:
    panels = dashboard["panels"]

    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels if panel["type"] != "row")
