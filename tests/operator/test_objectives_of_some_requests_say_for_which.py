"""An objective of one model or operation is judged by its requests alone, and by sidecars that know how."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from prometheus_client import generate_latest

from llmmonitor_api.configuration import Configuration
from llmmonitor_operator.evaluate import Environment, ExpectedPod
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics

Make = Callable[..., Any]
Said = Callable[[Any, str], tuple[str, str, str]]
KIND = "PerformanceHealthy"
ALL = {"name": "errors", "signal": "ErrorRate", "target": "99%", "window": "30d"}
LORA = {
    "name": "lora",
    "signal": "TimeToFirstToken",
    "threshold": "1s",
    "target": "99%",
    "window": "30d",
    "models": ["lora-a"],
    "operations": ["chat"],
}
OF_LORA = {"performance": {"objectives": [ALL, LORA]}}


def test_it_is_judged_by_its_own_requests_and_named_with_what_it_is_for(watch: Make, said: Said) -> None:
    one = watch(**OF_LORA)
    replica = one.replica()
    replica.serve(100, ttft=9.0)
    replica.serve(50, model="lora-a")

    status, _, message = said(one.gather([replica]), KIND)

    assert status == "True"
    assert message.endswith(
        "lora for model lora-a and operation chat: 0 % bad over 15 s of 3 d (n=50, allowed 1 %)"
    )


def test_the_quantile_of_all_requests_is_not_said_of_some(watch: Make, said: Said) -> None:
    one = watch(**OF_LORA)
    replica = one.replica()
    replica.serve(1000, ttft=9.0)
    replica.serve(50, ttft=2.0, model="lora-a")

    _, reason, message = said(one.gather([replica]), KIND)

    assert reason == "BurnRateHigh"
    assert message == (
        "lora for model lora-a and operation chat: no first token within 1s 100 % (93–100) > 1 %"  # noqa: RUF001
        " over 15 s of 1 h (n=50), burn rate 100 (limit 14.4)"
    )


def test_errors_of_other_models_are_not_named_as_its_own(watch: Make, said: Said) -> None:
    of_errors = {**LORA, "signal": "ErrorRate", "threshold": None}
    objectives = [{key: value for key, value in of_errors.items() if value is not None}]
    one = watch(performance={"objectives": objectives})
    replica = one.replica()
    replica.serve(50, outcome="overloaded")
    replica.serve(50, ttft=math.inf, outcome="timed_out", model="lora-a")

    _, reason, message = said(one.gather([replica]), KIND)

    assert reason == "BurnRateHigh"
    assert "refused for load" not in message
    assert "errors 100 %" in message


def test_without_such_a_request_it_is_not_judged_and_fails_nothing(watch: Make, said: Said) -> None:
    one = watch(**OF_LORA)
    replica = one.replica()
    replica.serve(100, ttft=9.0)

    result = one.gather([replica])

    status, _, message = said(result, KIND)
    assert status == "True"
    assert message.endswith(
        "not judged: lora for model lora-a and operation chat (no such request has counted yet)"
    )
    lora = result.status["objectives"][1]
    assert lora["models"] == ["lora-a"]
    assert lora["operations"] == ["chat"]
    assert lora["note"] == "no such request has counted yet"
    assert "holds" not in lora


def test_alone_and_without_such_a_request_it_is_unknown(watch: Make, said: Said) -> None:
    one = watch(performance={"objectives": [LORA]})
    replica = one.replica()
    nothing = said(one.gather([replica]), KIND)
    replica.serve(100)

    status, reason, message = said(one.gather([replica]), KIND)

    assert nothing == ("Unknown", "NoTraffic", "no request has been seen yet")
    assert (status, reason) == ("Unknown", "TooFewRequests")
    assert message == (
        "100 requests, none that an objective counts (clients' own errors do not); "
        "lora for model lora-a and operation chat (no such request has counted yet)"
    )


class OlderSetting(msgspec.Struct):
    """As sidecars knew it before there were filters."""

    name: str
    signal: str
    threshold: float | None = None
    threshold_text: str = ""


class OlderConfiguration(msgspec.Struct):
    generation: int = 0
    objectives: tuple[OlderSetting, ...] = ()


def test_a_sidecar_that_knows_no_filters_never_sees_such_an_objective(watch: Make) -> None:
    pushed = msgspec.json.encode(watch(**OF_LORA).configuration)

    understood = msgspec.json.decode(pushed, type=OlderConfiguration)

    assert [one.name for one in understood.objectives] == ["errors"]
    assert [one.name for one in msgspec.json.decode(pushed, type=Configuration).counted] == ["errors", "lora"]


def test_what_an_older_sidecar_does_not_count_is_said_and_not_taken_for_good(watch: Make, said: Said) -> None:
    pods = tuple(ExpectedPod(f"uid-{n}", f"chat-{n}", 0.0) for n in range(2))
    one = watch(Environment(cluster=True, pods=pods), **OF_LORA)
    newer, older = one.replica(0), one.replica(1)
    older.older = True
    older.totals.objectives.clear()
    older.__post_init__()
    newer.serve(50, model="lora-a")
    older.serve(50, ttft=9.0, model="lora-a")

    result = one.gather([newer, older])

    lora = result.status["objectives"][1]
    assert (lora["good"], lora.get("bad", 0)) == (50, 0)
    assert lora["note"].startswith("not counted in 1 of 2 pods (chat-1): the sidecar has not taken")
    assert "(n=50, allowed 1 %), not counted in 1 of 2 pods (chat-1)" in said(result, KIND)[2]


def test_counted_by_no_sidecar_it_is_not_judged_and_says_so(watch: Make, said: Said) -> None:
    one = watch(**OF_LORA)
    replica = one.replica()
    replica.older = True
    replica.totals.objectives.clear()
    replica.__post_init__()
    replica.serve(100, model="lora-a")

    status, _, message = said(one.gather([replica]), KIND)

    assert status == "True"
    assert "not judged: lora for model lora-a and operation chat (not counted in 1 of 1 pod" in message
    assert "when its pod is replaced" in message


def test_a_signal_that_an_older_sidecar_does_not_know_is_not_counted_there(watch: Make, said: Said) -> None:
    gaps = {"name": "gaps", "signal": "ChunkGap", "threshold": "1s", "target": "99%", "window": "30d"}
    one = watch(performance={"objectives": [ALL, gaps]})
    replica = one.replica()
    replica.older = True
    replica.totals.objectives.clear()
    replica.__post_init__()
    replica.serve(100)

    result = one.gather([replica])

    assert [setting.name for setting in one.configuration.objectives] == ["errors"]
    assert said(result, KIND)[2].endswith("when its pod is replaced)")
    assert result.status["objectives"][1]["note"].startswith("not counted in 1 of 1 pod (chat-0)")


def test_the_events_of_each_definition_are_a_series_of_their_own(watch: Make) -> None:
    metrics = OperatorMetrics()
    metrics.begin(("prod", "chat"))
    one = watch(**OF_LORA)
    replica = one.replica()
    replica.serve(3, model="lora-a")
    replica.serve(2)
    evaluation = one.gather([replica])

    metrics.judged(("prod", "chat"), evaluation, one.now, one.news)

    text = generate_latest(metrics.registry).decode()
    of = 'llm_monitor_objective_events_total{models="%s",monitor="chat",namespace="prod",objective="%s"'
    lines = [line for line in text.splitlines() if line.startswith("llm_monitor_objective_events_total")]
    assert any(
        line.startswith(of % ("lora-a", "lora")) and 'operations="chat"' in line and line.endswith(" 3.0")
        for line in lines
    )
    assert any(line.startswith(of % ("", "errors")) and line.endswith(" 5.0") for line in lines)


@pytest.mark.parametrize(
    ("field", "value"), [("models", ["lora-b"]), ("models", []), ("operations", ["text_completion"])]
)
def test_another_filter_begins_with_nothing(watch: Make, field: str, value: list[str]) -> None:
    one = watch(**OF_LORA)
    replica = one.replica()
    replica.serve(50, model="lora-a")
    before = one.gather([replica]).status["objectives"]

    one.monitor = watch(performance={"objectives": [ALL, {**LORA, field: value}]}).monitor
    after = one.judge().status["objectives"]

    assert [objective["good"] for objective in before] == [50, 50]
    assert [objective["good"] for objective in after] == [50, 0]
