"""The chart's PrometheusRule as Prometheus itself evaluates it (`promtool test rules`), minute by minute.

promtool prints what there is only beside an expectation that it differs from: each question asks for the
impossible, and the answer is what it got instead.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

KINDS = ("ServiceMonitor", "PrometheusRule")
KNOWN = [f"--api-versions=monitoring.coreos.com/v1/{kind}" for kind in KINDS]
MONITORING = {kind[0].lower() + kind[1:]: {"enabled": True} for kind in KINDS}
_OPERATORS = 'job="llm-monitor-operator"'
LEADS = {f'llm_monitor_operator_leading{{{_OPERATORS}, namespace="llm-monitor"}}': "1x9999"}
"""Without it, that nobody leads is an alert too."""
Series = Mapping[str, str]
"""By the series' name with its labels: its values from minute 0, as promtool writes them (`1x40`)."""


def of_monitor(name: str, *, monitor: str = "chat", **labels: str) -> str:
    """A series as Prometheus has scraped it from the operator."""
    own = "".join(f', {label}="{value}"' for label, value in labels.items())
    return f'{name}{{{_OPERATORS}, namespace="prod", monitor="{monitor}"{own}}}'


def recorded_of(name: str, **labels: str) -> str:
    """A recorded series of that monitor, as `PrometheusRules.recorded` gives it."""
    every = sorted({"monitor": "chat", "namespace": "prod", **labels}.items())
    spelled = ", ".join(f'{label}="{value}"' for label, value in every)
    return f"llm_monitor:{name}{{{spelled}}}"


@dataclass(frozen=True)
class PrometheusRules:
    """Asks about a PrometheusRule's `spec`; `folder` is for promtool's files."""

    promtool: str
    spec: Mapping[str, Any]
    folder: Path

    @cached_property
    def rules(self) -> tuple[Mapping[str, Any], ...]:
        """All rules of all groups."""
        return tuple(rule for group in self.spec["groups"] for rule in group["rules"])

    def fired(self, series: Series, minute: int) -> str:
        """The alerts that fire then, with their labels and texts, given these series."""
        nobody = [{"exp_labels": {"of": "nobody"}}]
        names = [rule["alert"] for rule in self.rules if "alert" in rule]
        asked = [{"eval_time": f"{minute}m", "alertname": name, "exp_alerts": nobody} for name in names]
        found = re.findall(r"got:\[(.*?)\]", self._test("alert", series, alert_rule_test=asked), re.DOTALL)
        assert len(found) == len(asked)
        return "".join(found)

    def firing(self, series: Series, minute: int) -> set[str]:
        """Their names."""
        return set(re.findall(r'alertname="(\w+)"', self.fired(series, minute)))

    def recorded(self, series: Series, minute: int) -> dict[str, float]:
        """What the recording rules have made by then, by series as Prometheus writes it."""
        asked = {"expr": '{__name__=~"llm_monitor:.+"}', "eval_time": f"{minute}m"}
        text = self._test(
            "record",
            series,
            promql_expr_test=[{**asked, "exp_samples": [{"labels": "none", "value": 1}]}],
        )
        found = re.findall(r'\{__name__="([\w:]+)", ([^}]*)\} ([^\s,]+)', text.partition("got:")[2])
        return {f"{name}{{{labels}}}": float(value) for name, labels, value in found}

    def _with_all_they_need(self, kind: str) -> list[Mapping[str, Any]]:
        """The groups of `alert` or of `record`, and those that record what they look at.

        Not all: to evaluate rules, each of them every minute, is most of what promtool does.
        """
        needed = [group for group in self.spec["groups"] if any(kind in rule for rule in group["rules"])]
        for group in needed:  # which grows
            looked_at = " ".join(rule["expr"] for rule in group["rules"])
            needed += [
                other
                for other in self.spec["groups"]
                if other not in needed
                and any(rule.get("record", "ALERTS") in looked_at for rule in other["rules"])
            ]
        return needed

    def _test(self, kind: str, series: Series, **asked: Any) -> str:
        (self.folder / "rules.yaml").write_text(json.dumps({"groups": self._with_all_they_need(kind)}))
        given = [{"series": name, "values": values} for name, values in series.items()]
        tests = [{"interval": "1m", "input_series": given, **asked}]
        test = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}
        (self.folder / "test.yaml").write_text(json.dumps(test))
        command = [self.promtool, "test", "rules", str(self.folder / "test.yaml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert "got:" in done.stdout + done.stderr, done.stderr
        return done.stdout + done.stderr
