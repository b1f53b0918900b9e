"""Every condition that is False is an alert, and what dashboards need is recorded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.chart.prometheus_rules import PrometheusRules

from llmmonitor_api.conditions import CONDITION_TYPES, Role

_JOB = 'job="llm-monitor-operator"'
_CHAT = f'{_JOB}, namespace="prod", monitor="chat"'
LEADS = {f'llm_monitor_operator_leading{{{_JOB}, namespace="llm-monitor"}}': "1x999"}


def _of_chat(name: str, **labels: str) -> str:
    own = "".join(f', {label}="{value}"' for label, value in labels.items())
    return f"{name}{{{_CHAT}{own}}}"


def _condition(kind: str, status: str) -> str:
    return _of_chat("llm_monitor_condition", type=kind, status=status)


def _events(result: str) -> str:
    objective = {"objective": "quick", "signal": "TimeToFirstToken", "threshold": "700ms"}
    return _of_chat("llm_monitor_objective_events_total", **objective, result=result)


def _recorded(name: str, labels: str = "") -> str:
    return f'llm_monitor:{name}{{monitor="chat", namespace="prod"{labels}}}'


def test_each_condition_has_its_alert_but_the_summary(prometheus_rules: PrometheusRules) -> None:
    expressions = [rule["expr"] for rule in prometheus_rules.rules if "alert" in rule]

    types = [found for text in expressions for found in re.findall(r'type="(\w+)"', text)]

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

    assert "The model of LLMMonitor prod/chat has overrun its budget or will" in found
    assert "kubectl --namespace prod describe llmmonitor chat" in found
    assert 'severity="warning"' in found


def test_burn_rates_are_recorded_from_exact_counts(prometheus_rules: PrometheusRules) -> None:
    series = {_events("good"): "0+90x60", _events("bad"): "0+10x60"}

    found = prometheus_rules.recorded(series, 50)

    shares = {name.partition("{")[0].rpartition("_")[2]: value for name, value in found.items()}
    assert shares == pytest.approx(dict.fromkeys(("rate5m", "rate30m", "rate1h", "rate6h", "rate3d"), 0.1))


def test_an_objective_of_one_model_is_a_series_of_its_own_and_so_is_one_that_was_changed(
    prometheus_rules: PrometheusRules,
) -> None:
    name, good = "llm_monitor_objective_events_total", _events("good")
    lora = {"models": "lora-*", "operations": "chat", "objective": "quick", "signal": "TimeToFirstToken"}
    other = {result: _of_chat(name, **lora, threshold="700ms", result=result) for result in ("good", "bad")}

    found = prometheus_rules.recorded({good: "0+90x60", other["good"]: "0+9x60", other["bad"]: "0+1x60"}, 50)

    shares = {one: value for one, value in found.items() if "rate5m" in one}
    assert shares == pytest.approx({one: 0.1 for one in shares if 'models="lora-*"' in one})
    assert len(shares) == 1, "the one without a bad event has none to share"


def test_without_events_no_share_is_recorded(prometheus_rules: PrometheusRules) -> None:
    assert prometheus_rules.recorded({_events("good"): "5x60", _events("bad"): "0x60"}, 50) == {}


def test_figures_of_all_leaders_are_added_by_monitor(prometheus_rules: PrometheusRules) -> None:
    def requests(pod: str, outcome: str) -> str:
        return _of_chat("llm_monitor_requests_total", pod=pod, outcome=outcome)

    before = {requests("a", "ok"): "0+54x10 stale", requests("a", "server_error"): "0+6x10 stale"}
    after = {requests("b", "ok"): "_x10 0+54x20", requests("b", "server_error"): "_x10 0+6x20"}

    found = prometheus_rules.recorded({**before, **after}, 20)

    assert found == pytest.approx(
        {
            _recorded("requests:rate5m"): 1.0,
            _recorded("requests_by_outcome:ratio_rate5m", ', outcome="ok"'): 0.9,
            _recorded("requests_by_outcome:ratio_rate5m", ', outcome="server_error"'): 0.1,
        }
    )


def test_tokens_of_each_gpu_are_recorded_where_gpus_are_known(prometheus_rules: PrometheusRules) -> None:
    tokens = {"gen_ai_token_type": "output", "exact": "true"}
    series = {_of_chat("llm_monitor_tokens_total", **tokens): "0+4800x30"}
    gpus = {_of_chat("llm_monitor_gpus_at_work"): "4x30"}

    unknown, known = (prometheus_rules.recorded(one, 20) for one in (series, series | gpus))

    assert unknown == pytest.approx({_recorded("output_tokens:rate5m"): 80.0})
    assert known == pytest.approx(unknown | {_recorded("output_tokens_per_gpu:rate5m"): 20.0})


def test_quantiles_are_recorded_by_monitor(prometheus_rules: PrometheusRules) -> None:
    buckets = {"0.5": "0+50x30", "1.0": "0+100x30", "+Inf": "0+100x30"}
    name = "gen_ai_server_time_to_first_token_seconds_bucket"

    found = prometheus_rules.recorded({_of_chat(name, le=le): times for le, times in buckets.items()}, 20)

    quantiles = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    assert found == pytest.approx(
        {_recorded(f"time_to_first_token_seconds:{one}_5m"): value for one, value in quantiles.items()}
    )


def test_the_page_for_people_lists_every_rule_as_it_is(prometheus_rules: PrometheusRules) -> None:
    page = (Path(__file__).parents[2] / "docs" / "prometheus.md").read_text()
    rows = {
        (rule["alert"], *found.groups(), rule["labels"]["severity"], rule["for"])
        for rule in prometheus_rules.rules
        if "alert" in rule and (found := re.search(r'type="(\w+)"', rule["expr"]))
    }

    listed = set(re.findall(r"^\| `(\w+)` \| `(\w+)` \| (\w+) \| (\w+) \|$", page, re.MULTILINE))

    assert listed == rows
    recorded = {rule["record"].rpartition(":")[0] for rule in prometheus_rules.rules if "record" in rule}
    assert recorded == set(re.findall(r"llm_monitor:\w+(?=:)", page))
