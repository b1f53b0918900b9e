"""What the engine served and nobody read turns no condition: an alert says so, by the status' numbers."""

from __future__ import annotations

import re

import pytest
from tests.chart.prometheus_rules import LEADS, PrometheusRules, Series, of_monitor

from llmmonitor_operator.evaluate import crosscheck

ALERT = "LLMMonitorTrafficUnread"


def compared(name: str, engine: str, wire: str, **labels: str) -> Series:
    def side(counted_by: str) -> str:
        return of_monitor(f"llm_monitor_compared_{name}_total", **labels, counted_by=counted_by)

    return {side("engine"): engine, side("wire"): wire}


def requests(engine: str, wire: str) -> Series:
    return compared("requests", engine, wire)


def tokens(engine: str, wire: str, kind: str = "output") -> Series:
    return compared("tokens", engine, wire, gen_ai_token_type=kind)


@pytest.mark.parametrize(
    ("series", "fires"),
    [
        pytest.param(requests("0+100x90", "0+90x90"), True, id="a tenth passes by"),
        pytest.param(requests("0+100x90", "0+98x90"), False, id="what is under way at the edges"),
        pytest.param(requests("0+100x90", "0+120x90"), False, id="more was read than the engine counts"),
        pytest.param(requests("0+0.2x90", "0+0x90"), False, id="too few requests for a share"),
        pytest.param(tokens("0+100x90", "0+50x90"), True, id="an engine that counts tokens alone"),
        pytest.param(tokens("0+100x90", "0+96x90"), False, id="tokens under way at the edges"),
        pytest.param(tokens("0+3x90", "0+0x90"), False, id="too few tokens"),
        pytest.param(
            {**tokens("0+3x90", "0+0x90"), **tokens("0+100x90", "0+100x90", "input")},
            False,
            id="too few tokens of long prompts",
        ),
        pytest.param(tokens("0+100x90", "0+50x90", "input"), False, id="prompts tell nothing of requests"),
        pytest.param(
            {**requests("0+100x90", "0+100x90"), **tokens("0+100x90", "0+50x90")},
            False,
            id="every request was read: tokens are counted otherwise",
        ),
    ],
)
def test_it_fires_when_more_is_missing_than_the_tolerance(
    prometheus_rules: PrometheusRules, series: Series, *, fires: bool
) -> None:
    assert prometheus_rules.firing({**LEADS, **series}, 85) == ({ALERT} if fires else set())


def test_a_moment_of_it_is_none(prometheus_rules: PrometheusRules) -> None:
    series = requests("0+100x90", "0+90x90")

    assert not prometheus_rules.firing({**LEADS, **series}, 10)


def test_it_says_how_much_of_which_monitors(prometheus_rules: PrometheusRules) -> None:
    found = prometheus_rules.fired({**LEADS, **requests("0+100x90", "0+90x90")}, 85)

    assert "LLMMonitor prod/chat has served in the last hour, 10% did not pass the sidecar" in found


def test_it_judges_by_the_numbers_of_the_status(prometheus_rules: PrometheusRules) -> None:
    [expression] = [rule["expr"] for rule in prometheus_rules.rules if rule.get("alert") == ALERT]

    numbers = [float(number) for number in re.findall(r">=? ([\d.]+)", expression)]

    assert numbers == pytest.approx(
        [
            crosscheck.REQUESTS_TOLERANCE,
            crosscheck.REQUESTS_NEEDED,
            crosscheck.TOKENS_TOLERANCE,
            crosscheck.TOKENS_NEEDED,
            0,
        ]
    )
