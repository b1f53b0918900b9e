from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_operator.evaluate import Environment, ExpectedPod
from llmmonitor_operator.evaluate.environment import LeftOut
from llmmonitor_operator.reconcile.metrics.monitor_families import Shown, families
from llmmonitor_operator.reconcile.metrics.running_totals import RunningTotals

Make = Callable[..., Any]
Said = Callable[[Any, str], tuple[str, str, str]]


def test_an_error_rate_says_what_the_errors_were_and_what_remained(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(150)
    replica.serve(40, outcome="overloaded")
    replica.serve(3, outcome="timed_out")
    replica.serve(50, outcome="client_error")
    replica.totals.met_objectives, replica.totals.missed_objectives = 150, 43

    status, reason, message = said(one.gather([replica]), "PerformanceHealthy")

    assert (status, reason) == ("False", "BurnRateHigh")
    assert ": 40 refused for load, 3 timed out; goodput 77.7 % over 15 s (n=193)" in message


def test_status_tells_them_apart(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    outcomes = {"ok": 90, "overloaded": 4, "timed_out": 3, "server_error": 2, "cut_off": 1, "client_error": 7}
    for outcome, times in outcomes.items():
        replica.serve(times, outcome=outcome)
    (series,) = replica.totals.traffic.values()
    series.empty = 5
    replica.totals.met_objectives, replica.totals.missed_objectives = 90, 10

    performance = one.gather([replica]).status["performance"]

    assert performance["errors"] == 10
    told = ("overloaded", "timedOut", "serverErrors", "cutOff", "clientErrors", "emptyAnswers")
    assert [performance[name] for name in told] == [4, 3, 2, 1, 7, 5]
    assert (performance["goodput"], performance["goodputRequests"]) == (0.9, 100)


def test_throughput_is_shared_out_over_the_gpus_of_the_pods_that_report(watch: Make) -> None:
    pods = tuple(ExpectedPod(f"uid-{n}", f"chat-{n}", 0.0, gpus_requested=2) for n in range(3))
    one = watch(Environment(cluster=True, pods=pods))
    replicas = [one.replica(0), one.replica(1)]
    for replica in replicas:
        replica.serve(30)

    performance = one.gather(replicas).status["performance"]

    assert performance["tokensPerSecond"] == 400
    assert performance["tokensPerSecondPerGpu"] == 100


@pytest.mark.parametrize(
    ("requested", "left_out", "each"),
    [((2, 2), (), 100), ((2, 0), (), None), ((2, 2), ("Worker",), None), ((2, 2), ("OptedOut",), 100)],
)
def test_throughput_of_a_gpu_is_absent_where_the_tokens_come_from_others_too(
    watch: Make, requested: tuple[int, int], left_out: tuple[str, ...], each: float | None
) -> None:
    pods = tuple(
        ExpectedPod(f"uid-{n}", f"chat-{n}", 0.0, gpus_requested=gpus) for n, gpus in enumerate(requested)
    )
    others = tuple(LeftOut(f"other-{reason}", reason) for reason in left_out)
    one = watch(Environment(cluster=True, pods=pods, left_out=others))
    replicas = [one.replica(0), one.replica(1)]
    for replica in replicas:
        replica.serve(30)

    evaluation = one.gather(replicas)

    assert evaluation.status["performance"].get("tokensPerSecondPerGpu") == each
    shown = {("prod", "chat"): Shown(RunningTotals(), judged=evaluation.judged)}
    samples = [
        one.value for family in families(shown) if family.name.endswith("at_work") for one in family.samples
    ]
    assert samples == ([] if each is None else [4])


def test_without_gpus_there_is_no_throughput_of_one(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(30)

    assert "tokensPerSecondPerGpu" not in one.gather([replica]).status["performance"]


def test_goodput_and_empty_answers_are_counters(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(10)
    next(iter(replica.totals.traffic.values())).empty = 2
    replica.totals.met_objectives, replica.totals.missed_objectives = 7, 3
    one.gather([replica])

    totals = RunningTotals().after(one.news, ())

    values = {
        (sample.name, sample.labels.get("result")): sample.value
        for family in families({("prod", "chat"): Shown(totals)})
        for sample in family.samples
    }
    assert values["llm_monitor_goodput_requests_total", "met"] == 7
    assert values["llm_monitor_goodput_requests_total", "missed"] == 3
    assert values["llm_monitor_empty_answers_total", None] == 2


def test_malformed_answers_are_said_with_how_many_were_looked_at(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(10)
    (series,) = replica.totals.traffic.values()
    series.forms_checked, series.forms_malformed = {"tool_call": 8}, {"tool_call": 3}

    performance = one.gather([replica]).status["performance"]

    assert (performance["malformedToolCalls"], performance["toolCallAnswers"]) == (3, 8)
    assert "malformedJson" not in performance, "nobody asked for any"
