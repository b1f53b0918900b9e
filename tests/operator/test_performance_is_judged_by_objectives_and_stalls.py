from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from llmmonitor_api.report.report import Live
from llmmonitor_operator.state import State

Make = Callable[..., Any]
Said = Callable[[Any, str], tuple[str, str, str]]
KIND = "PerformanceHealthy"


def test_enough_good_requests_are_true_with_their_numbers(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(100)

    status, reason, message = said(one.gather([replica]), KIND)

    assert (status, reason) == ("True", "ObjectivesHold")
    assert message == (
        "first-token: 0 % bad over 15 s of 3 d (n=100, allowed 1 %); "
        "errors: 0 % bad over 15 s of 3 d (n=100, allowed 1 %)"
    )


def test_a_few_requests_are_no_verdict_and_the_number_needed_is_said(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(20)

    status, reason, message = said(one.gather([replica]), KIND)

    assert (status, reason) == ("Unknown", "TooFewRequests")
    assert "errors (n=20 over 15 s of 3 d, a verdict needs 21)" in message


def test_requests_that_no_objective_counts_are_not_called_no_traffic(watch: Make, said: Said) -> None:
    objectives = [{"name": "aborts", "signal": "AbortRate", "target": "95%"}]
    one = watch(performance={"objectives": objectives})
    replica = one.replica()
    before = said(one.gather([replica]), KIND)
    replica.serve(50, outcome="client_error")

    after = said(one.gather([replica]), KIND)

    assert before == ("Unknown", "NoTraffic", "no request has been seen yet")
    assert after == (
        "Unknown",
        "TooFewRequests",
        "50 requests, none that an objective counts (clients' own errors do not)",
    )


def test_slow_first_tokens_burn_and_the_message_is_as_designed(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    for _ in range(240):  # an hour
        replica.serve(15)
        replica.serve(3, ttft=2.3)
        one.collect([replica])
    result = one.judge()

    status, reason, message = said(result, KIND)

    assert (status, reason) == ("False", "BurnRateHigh")
    assert message == (
        "first-token: TTFT p99 2.32 s (2.32–2.32) > 1 s over 1 h (n=4,320), burn rate 16.7 (limit 14.4)"  # noqa: RUF001
    )
    assert said(result, "Healthy")[:2] == ("False", "BurnRateHigh")


def test_requests_that_never_got_a_token_are_not_hidden_by_the_quantile(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(60)
    replica.serve(40, ttft=math.inf, outcome="timed_out")

    _, reason, message = said(one.gather([replica]), KIND)

    assert reason == "BurnRateHigh"
    assert (
        "first-token: no first token within 1s 40 % (31–50) > 1 % over 15 s of 1 h (n=100), burn rate 40"  # noqa: RUF001
        in message
    )
    assert "errors: errors 40 %" in message


def test_a_quantile_of_a_part_of_the_events_is_not_given(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(1000)
    replica.serve(400, ttft=2.3)
    one.collect([replica])
    # as after a checkpoint that had no room for histograms
    one.state = msgspec.structs.replace(one.state, figures=State().figures)
    replica.serve(10, ttft=2.3)

    _, reason, message = said(one.gather([replica]), KIND)

    assert reason == "BurnRateHigh"
    assert message.startswith("first-token: no first token within 1s 29.1 %")


def test_four_bad_of_four_do_not_fire(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(4, outcome="server_error")

    assert said(one.gather([replica]), KIND)[1] == "TooFewRequests"


def test_an_objective_without_events_is_named_and_does_not_hide_the_other(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    first_token = next(iter(replica.totals.objectives.values()))
    replica.serve(50)
    first_token.good = 0  # nothing streamed

    status, _, message = said(one.gather([replica]), KIND)

    assert status == "True"
    assert message.endswith("not judged: first-token (n=0 over 3 d, a verdict needs 21)")


@pytest.mark.parametrize("silence", [30.0, 31.0])
def test_one_stalled_replica_of_two_is_false_whatever_the_number_of_requests(
    watch: Make, said: Said, silence: float
) -> None:
    one = watch()
    well, hung = one.replica(0), one.replica(1)
    well.serve(100)
    hung.live = Live(in_flight=3, oldest_in_flight_seconds=42.0, seconds_without_progress=silence)

    status, reason, message = said(one.gather([well, hung]), KIND)

    assert (status, reason) == ("False", "Stalled")
    assert message == (
        f"chat-1: 3 requests in flight and no sign of progress for {silence:.0f} s (limit 30 s),"
        " the oldest waits for 42 s"
    )


def test_waiting_for_less_than_stall_after_is_no_stall(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(100)
    replica.live = Live(in_flight=3, oldest_in_flight_seconds=60.0, seconds_without_progress=29.0)

    assert said(one.gather([replica]), KIND)[1] == "ObjectivesHold"


def test_the_events_of_all_replicas_count_together(watch: Make, said: Said) -> None:
    one = watch()
    replicas = [one.replica(number) for number in range(5)]
    for replica in replicas:
        replica.serve(10)
    replicas[4].serve(10, outcome="server_error")

    _, reason, message = said(one.gather(replicas), KIND)

    assert reason == "BurnRateHigh"
    assert "errors: errors 16.7 %" in message
    assert "(n=60), burn rate 16.7 (limit 14.4)" in message
