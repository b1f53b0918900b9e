"""What dashboards and one's own alerts need is recorded by monitor: sums before ratios, none of nothing."""

from __future__ import annotations

import pytest
from tests.chart.prometheus_rules import PrometheusRules, Series, of_monitor, recorded_of

INPUT, OUTPUT = {"gen_ai_token_type": "input"}, {"gen_ai_token_type": "output"}


def counted(name: str, **labels: str) -> str:
    return of_monitor(f"llm_monitor_{name}_total", **labels)


def gauge(name: str, **labels: str) -> str:
    return of_monitor(f"llm_monitor_{name}", **labels)


def events(result: str) -> str:
    objective = {"objective": "quick", "signal": "TimeToFirstToken", "threshold": "700ms"}
    return counted("objective_events", **objective, result=result)


def sides(name: str, engine: str, wire: str, **labels: str) -> Series:
    """Counted by both."""
    return {
        counted(f"compared_{name}", **labels, counted_by="engine"): engine,
        counted(f"compared_{name}", **labels, counted_by="wire"): wire,
    }


def test_burn_rates_are_recorded_from_exact_counts(prometheus_rules: PrometheusRules) -> None:
    series = {events("good"): "0+90x60", events("bad"): "0+10x60"}

    found = prometheus_rules.recorded(series, 50)

    shares = {name.partition("{")[0].rpartition("_")[2]: value for name, value in found.items()}
    assert shares == pytest.approx(dict.fromkeys(("rate5m", "rate30m", "rate1h", "rate6h", "rate3d"), 0.1))


def test_an_objective_of_one_model_is_a_series_of_its_own_and_so_is_one_that_was_changed(
    prometheus_rules: PrometheusRules,
) -> None:
    lora = {"models": "lora-*", "operations": "chat", "objective": "quick", "signal": "TimeToFirstToken"}
    other = {
        result: counted("objective_events", **lora, threshold="700ms", result=result)
        for result in ("good", "bad")
    }
    series = {events("good"): "0+90x60", other["good"]: "0+9x60", other["bad"]: "0+1x60"}

    found = prometheus_rules.recorded(series, 50)

    shares = {one: value for one, value in found.items() if "rate5m" in one}
    assert shares == pytest.approx({one: 0.1 for one in shares if 'models="lora-*"' in one})
    assert len(shares) == 1, "the one without a bad event has none to share"


def test_without_events_no_share_is_recorded(prometheus_rules: PrometheusRules) -> None:
    assert prometheus_rules.recorded({events("good"): "5x60", events("bad"): "0x60"}, 50) == {}


def test_figures_of_all_leaders_are_added_by_monitor(prometheus_rules: PrometheusRules) -> None:
    def requests(pod: str, outcome: str) -> str:
        return of_monitor("llm_monitor_requests_total", pod=pod, outcome=outcome)

    before = {requests("a", "ok"): "0+54x10 stale", requests("a", "server_error"): "0+6x10 stale"}
    after = {requests("b", "ok"): "_x10 0+54x20", requests("b", "server_error"): "_x10 0+6x20"}

    found = prometheus_rules.recorded({**before, **after}, 20)

    assert found == pytest.approx(
        {
            recorded_of("requests:rate5m"): 1.0,
            recorded_of("requests_by_outcome:ratio_rate5m", outcome="ok"): 0.9,
            recorded_of("requests_by_outcome:ratio_rate5m", outcome="server_error"): 0.1,
        }
    )


def test_quantiles_are_recorded_by_monitor(prometheus_rules: PrometheusRules) -> None:
    buckets = {"0.5": "0+50x30", "1.0": "0+100x30", "+Inf": "0+100x30"}
    name = "gen_ai_server_time_to_first_token_seconds_bucket"

    found = prometheus_rules.recorded({of_monitor(name, le=le): times for le, times in buckets.items()}, 20)

    quantiles = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    assert found == pytest.approx(
        {recorded_of(f"time_to_first_token_seconds:{one}_5m"): value for one, value in quantiles.items()}
    )


def test_tokens_of_each_gpu_are_recorded_where_gpus_are_known(prometheus_rules: PrometheusRules) -> None:
    tokens = {
        counted("tokens", **OUTPUT, exact="true"): "0+6000x80",
        counted("tokens", **OUTPUT, exact="false"): "0+60x80",
    }

    unknown = prometheus_rules.recorded(tokens, 70)
    known = prometheus_rules.recorded(tokens | {gauge("gpus_at_work"): "4x80"}, 70)

    assert recorded_of("output_tokens_per_gpu:rate5m") not in unknown
    assert known[recorded_of("output_tokens_per_gpu:rate5m")] == pytest.approx(25)
    assert known[recorded_of("output_tokens:rate5m")] == pytest.approx(100)


def test_goodput_is_the_share_of_requests_that_met_all_over_five_minutes_and_an_hour(
    prometheus_rules: PrometheusRules,
) -> None:
    series = {
        counted("goodput_requests", result="met"): "0+9x60 540+5x20",
        counted("goodput_requests", result="missed"): "0+1x60 60+5x20",
    }

    assert prometheus_rules.recorded(series, 75) == pytest.approx(
        {
            recorded_of("goodput:ratio_rate5m"): 0.5,
            recorded_of("goodput:ratio_rate1h"): 0.8,
        },
        abs=0.01,
    )


def test_answers_that_are_of_no_use_are_shares_of_their_kind(prometheus_rules: PrometheusRules) -> None:
    series = {
        counted("requests", outcome="ok"): "0+60x80",
        counted("requests", outcome="client_error"): "0+60x80",
        counted("empty_answers"): "0+6x80",
        counted("program_answers", kind="json"): "0+20x80",
        counted("program_answers", kind="tool_call"): "0+10x80",
        counted("malformed_answers", kind="json"): "0+1x80",
        counted("finish_reasons", finish_reason="stop"): "0+45x80",
        counted("finish_reasons", finish_reason="length"): "0+15x80",
    }

    found = prometheus_rules.recorded(series, 75)

    expected = {
        recorded_of("empty_answers:ratio_rate1h"): 0.1,
        recorded_of("malformed_answers:ratio_rate1h", kind="json"): 0.05,
        recorded_of("finish_reasons:ratio_rate5m", finish_reason="length"): 0.25,
        recorded_of("finish_reasons:ratio_rate5m", finish_reason="stop"): 0.75,
    }
    assert {name: found.get(name) for name in expected} == pytest.approx(expected)


def test_what_pods_have_is_a_share_of_what_there_is(prometheus_rules: PrometheusRules) -> None:
    series = {
        gauge("queue_pods", saturated="true"): "1x9",
        gauge("queue_pods", saturated="false"): "3x9",
        gauge("model_memory_used_bytes"): "30x9",
        gauge("model_memory_limit_bytes"): "40x9",
        gauge("gpus_memory_used_bytes"): "140x9",
        gauge("gpus_memory_total_bytes"): "160x9",
    }
    old_leader = {name.replace("}", ', pod="a"}'): value for name, value in series.items()}

    assert prometheus_rules.recorded({**series, **old_leader}, 5) == pytest.approx(
        {
            recorded_of("queue_pods_saturated:ratio"): 0.25,
            recorded_of("model_memory_used:ratio"): 0.75,
            recorded_of("gpus_memory_used:ratio"): 0.875,
        }
    )


def test_preemptions_are_a_rate(prometheus_rules: PrometheusRules) -> None:
    series = {counted("engine_preemptions"): "0+30x20"}

    found = prometheus_rules.recorded(series, 15)

    assert found == pytest.approx({recorded_of("engine_preemptions:rate5m"): 0.5})


@pytest.mark.parametrize(("lower_bounds", "energy"), [("0+20x80", 0.5), ("0+60x80", None)])
def test_energy_per_token_is_recorded_unless_too_many_tokens_are_lower_bounds(
    prometheus_rules: PrometheusRules, lower_bounds: str, energy: float | None
) -> None:
    series = {
        counted("gpus_energy_joules"): "0+500x80",
        counted("gpus_energy_tokens"): "0+1000x80",
        counted("tokens", **OUTPUT, exact="true"): "0+1000x80",
        counted("tokens", **OUTPUT, exact="false"): lower_bounds,
    }

    found = prometheus_rules.recorded(series, 70)

    name = recorded_of("gpus_energy_joules_per_token:ratio_rate1h")
    assert found.get(name) == (energy if energy is None else pytest.approx(energy))


def test_what_engine_and_wire_count_is_held_against_each_other(prometheus_rules: PrometheusRules) -> None:
    series = {
        **sides("requests", "0+10x80", "0+9x80"),
        **sides("tokens", "0+1000x80", "0+950x80", **OUTPUT),
        **sides("tokens", "0+7x80", "0+3x80", **INPUT),
        **sides("first_tokens", "0+10x80", "0+10x80"),
        **sides("first_token_seconds", "0+2x80", "0+5x80"),
    }

    found = prometheus_rules.recorded(series, 70)

    expected = {
        recorded_of("unread_requests:ratio_increase1h"): 0.1,
        recorded_of("unread_tokens:ratio_increase1h"): 0.05,
        recorded_of("compared_first_token_seconds:mean1h", counted_by="engine"): 0.2,
        recorded_of("compared_first_token_seconds:mean1h", counted_by="wire"): 0.5,
        recorded_of("compared_requests:increase1h", counted_by="engine"): 600,
    }
    assert {name: found.get(name) for name in expected} == pytest.approx(expected)


def _spent(busy: str, idle: str) -> Series:
    return {
        gauge("cost_spent", currency="EUR", part="busy"): busy,
        gauge("cost_spent", currency="EUR", part="idle"): idle,
    }


@pytest.mark.parametrize(("counted_only", "cost"), [("0+1x80", 15.0), ("0+2x80", None)])
def test_the_last_hours_cost_per_token_is_recorded_unless_too_few_are_exact(
    prometheus_rules: PrometheusRules, counted_only: str, cost: float | None
) -> None:
    series = {
        **_spent("10+0.01x80", "5+0.005x80"),
        counted("tokens", **OUTPUT, exact="true"): "0+1000x80",
        counted("token_sources", source="usage"): "0+7x80",
        counted("token_sources", source="logprobs"): "0+3x80",
        counted("token_sources", source="none"): "0+50x80",
        counted("token_sources", source="counted"): counted_only,
    }

    found = prometheus_rules.recorded(series, 70)

    name = recorded_of("cost_per_million_output_tokens:ratio_increase1h", currency="EUR")
    assert found.get(name) == (cost if cost is None else pytest.approx(cost))


def test_money_goes_on_when_the_period_begins_anew(prometheus_rules: PrometheusRules) -> None:
    series = _spent("100+1x39 0+1x40", "0x80")

    found = prometheus_rules.recorded(series, 70)

    assert found[recorded_of("cost_spent:increase1h", currency="EUR")] == pytest.approx(60, abs=1)


def test_the_period_is_held_against_its_budget(prometheus_rules: PrometheusRules) -> None:
    series = {
        **_spent("60x9", "20x9"),
        gauge("cost_budget", currency="EUR"): "160x9",
        gauge("cost_forecast", currency="EUR", bound="expected"): "200x9",
        gauge("cost_forecast", currency="EUR", bound="low"): "180x9",
    }

    found = prometheus_rules.recorded(series, 5)

    assert found == pytest.approx(
        {
            recorded_of("cost_spent_of_budget:ratio", currency="EUR"): 0.5,
            recorded_of("cost_spent_by_part:ratio", currency="EUR", part="busy"): 0.75,
            recorded_of("cost_spent_by_part:ratio", currency="EUR", part="idle"): 0.25,
            recorded_of("cost_forecast_of_budget:ratio", currency="EUR", bound="expected"): 1.25,
            recorded_of("cost_forecast_of_budget:ratio", currency="EUR", bound="low"): 1.125,
            recorded_of("cost_spent:increase1h", currency="EUR"): 0.0,
        }
    )
