from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.operator.conftest import Watch

from llmmonitor_api.report.engine_counts import Compared, EngineCounts, EngineHistogram, Pair
from llmmonitor_api.report.report import Engine
from llmmonitor_api.status import MonitorStatus
from llmmonitor_operator.checkpoint import decode, encode
from llmmonitor_operator.evaluate import Evaluation

Make = Callable[..., Watch]
ASKED = Engine(
    name="VLLM", scraped_age_seconds=1.0, prompt_tokens=0, generation_tokens=0, finished_requests={}
)
NANO = 10**9


def compared(n: int = 100, **more: Any) -> Compared:
    """Both say the same of `n` requests, each with its first token after 0.3 s by the engine."""
    both = Pair(n, n)
    plain: dict[str, Any] = {
        "requests": both,
        "answered": n,
        "prompt_tokens": Pair(10 * n, 10 * n),
        "generation_tokens": Pair(50 * n, 50 * n),
        "token_requests": n,
        "first_tokens": both,
        "first_token_nanoseconds": Pair(300_000_000 * n, 310_000_000 * n),
    }
    return Compared(**(plain | more))


def judged(make: Make, *totals: Compared, engine: Engine | None = ASKED, **spec: Any) -> Evaluation:
    """By one replica for each of `totals`."""
    one = make(**spec)
    replicas = [one.replica(number) for number in range(len(totals))]
    for replica, total in zip(replicas, totals, strict=True):
        replica.engine = engine
        replica.serve(1)
        replica.totals.compared = total
    return one.gather(replicas)


def checks(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    status = evaluation.status
    assert MonitorStatus.load(status).to_api() == status
    return {check["name"]: check for check in status["engineCounts"]["crossChecks"]}


def message(evaluation: Evaluation, kind: str = "Intercepting") -> str:
    return next(one.message for one in evaluation.conditions if one.type == kind)


def test_what_both_count_alike_agrees(watch: Make) -> None:
    evaluation = judged(watch, compared())

    assert {name: check["verdict"] for name, check in checks(evaluation).items()} == {
        "requests": "Agrees",
        "prompt-tokens": "Agrees",
        "completion-tokens": "Agrees",
        "time-to-first-token": "Agrees",
    }
    assert "not read" not in message(evaluation)


def test_replicas_are_judged_together(watch: Make) -> None:
    check = checks(judged(watch, compared(15), compared(12)))["requests"]

    assert (check["verdict"], check["engine"], check["wire"], check["requests"]) == ("Agrees", 27, 27, 27)


def test_what_goes_past_the_relay_is_said_with_share_and_sample(watch: Make) -> None:
    evaluation = judged(watch, compared(requests=Pair(1240, 1100), answered=1100))

    check = checks(evaluation)["requests"]
    assert check["verdict"] == "Differs"
    assert check["message"] == (
        "the engine finished 1,240, 1,100 were read: 11.3 % (9.6–13) did not pass the relay, or could not be"  # noqa: RUF001
        " read (n=1,240 over 1 h, tolerance 3 %)"
    )
    assert (
        "of 1,240 requests that the engine finished over 1 h, 140 (11.3 %) were not read: they did not pass"
        " the relay, or could not be read"
    ) in message(evaluation)


def test_traffic_that_goes_past_altogether_is_said_where_none_has_come(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.engine = ASKED
    replica.totals.compared = compared(0, requests=Pair(engine=50, wire=0))

    text = message(one.gather([replica]))

    assert text.startswith("no connection has come yet")
    assert "of 50 requests that the engine finished over 1 h, 50 (100 %) were not read" in text


def test_an_engine_without_a_count_of_requests_tells_by_its_tokens(watch: Make) -> None:
    evaluation = judged(
        watch, compared(requests=Pair(), answered=0, generation_tokens=Pair(engine=8_000, wire=5_000))
    )

    assert "of 8,000 tokens that the engine generated over 1 h, 3,000 (37.5 %) were not read" in message(
        evaluation
    )
    check = checks(evaluation)["requests"]
    assert (check["verdict"], check["message"]) == (
        "CannotCompare",
        "cannot compare: the engine does not say, or does not count as clients are told",
    )


@pytest.mark.parametrize(("tokens", "said"), [(199, False), (200, True)])
def test_some_tokens_that_somebody_tried_out_are_nothing_to_tell(
    watch: Make, tokens: int, *, said: bool
) -> None:
    nothing = Pair()
    evaluation = judged(
        watch,
        compared(0, requests=nothing, generation_tokens=Pair(engine=tokens, wire=0), first_tokens=nothing),
    )

    assert ("not read: they did not pass" in message(evaluation)) is said
    assert (checks(evaluation)["completion-tokens"]["verdict"] == "Differs") is said


@pytest.mark.parametrize(("engine", "wire", "verdict"), [(1000, 971, "Agrees"), (1000, 969, "Differs")])
def test_requests_may_differ_by_their_tolerance(watch: Make, engine: int, wire: int, verdict: str) -> None:
    evaluation = judged(watch, compared(requests=Pair(engine, wire), answered=wire))

    assert checks(evaluation)["requests"]["verdict"] == verdict
    assert ("not read" in message(evaluation)) is (verdict == "Differs")


def test_requests_that_the_engine_refused_are_none_that_it_lost(watch: Make) -> None:
    check = checks(judged(watch, compared(requests=Pair(engine=500, wire=900), answered=500)))["requests"]

    assert check["verdict"] == "Agrees"


def test_an_engine_that_finished_less_than_was_answered_is_not_alone(watch: Make) -> None:
    check = checks(judged(watch, compared(requests=Pair(engine=500, wire=900), answered=900)))["requests"]

    assert check["verdict"] == "Differs"
    assert (
        "another engine answers on this port too, or its counters are of one of several" in check["message"]
    )


@pytest.mark.parametrize(
    ("pair", "verdict", "words"),
    [
        (Pair(5_000, 4_800), "Agrees", "5,000 by the engine, 4,800 on the wire"),
        (Pair(5_000, 4_000), "Differs", "20 % of the engine's were not read, or it counts more than clients"),
        (Pair(4_000, 5_000), "Differs", "the engine has not counted 20 % of what clients were told"),
    ],
)
def test_tokens_may_differ_by_theirs(watch: Make, pair: Pair, verdict: str, words: str) -> None:
    check = checks(judged(watch, compared(generation_tokens=pair)))["completion-tokens"]

    assert (check["verdict"], check["tolerance"]) == (verdict, 0.05)
    assert words in check["message"]


def test_streams_without_usage_cannot_be_compared_by_tokens(watch: Make) -> None:
    nothing = Pair()
    check = checks(
        judged(
            watch,
            compared(
                prompt_tokens=nothing, generation_tokens=nothing, token_requests=0, uncounted_requests=930
            ),
        )
    )["completion-tokens"]

    assert check["verdict"] == "CannotCompare"
    assert "930 requests over 1 h, all in times in which too many came without" in check["message"]
    assert "stream_options.include_usage" in check["message"]
    assert "engine" not in check


@pytest.mark.parametrize("uncounted", [0, 50])
def test_prompts_that_an_engine_counts_its_own_way_are_not_compared(watch: Make, uncounted: int) -> None:
    found = checks(judged(watch, compared(prompt_tokens=Pair(), uncounted_requests=uncounted)))

    assert found["completion-tokens"]["verdict"] == "Agrees"
    assert found["prompt-tokens"]["message"] == (
        "cannot compare: the engine does not say, or does not count as clients are told"
    )


def test_too_few_say_nothing(watch: Make) -> None:
    evaluation = judged(watch, compared(requests=Pair(19, 2), answered=2, generation_tokens=Pair(5, 5)))

    check = checks(judged(watch, compared(3)))["completion-tokens"]
    assert check["message"] == "cannot compare: 3 requests over 1 h, a verdict needs 20"
    assert checks(evaluation)["requests"]["verdict"] == "CannotCompare"
    assert "not read" not in message(evaluation)


def test_time_outside_the_engine_is_its_difference_to_ours(watch: Make) -> None:
    times = Pair(engine=100 * 290_000_000, wire=100 * 412_000_000)
    check = checks(judged(watch, compared(first_token_nanoseconds=times)))["time-to-first-token"]

    assert (check["verdict"], check["engine"], check["wire"], check["requests"]) == (
        "Differs",
        0.29,
        0.412,
        100,
    )
    assert check["message"] == (
        "mean 412 ms on the wire, 290 ms by the engine (n=100 over 1 h): 122 ms pass outside the engine,"
        " queueing before it or on the network"
    )


def test_an_engine_that_says_longer_than_was_waited_times_something_else(watch: Make) -> None:
    times = Pair(engine=100 * 800_000_000, wire=100 * 400_000_000)
    check = checks(judged(watch, compared(first_token_nanoseconds=times)))["time-to-first-token"]

    assert check["verdict"] == "Differs"
    assert "the engine's clock begins before the request is complete" in check["message"]


@pytest.mark.parametrize(("wire_seconds", "verdict"), [(4.91, "CannotCompare"), (5.40, "Differs")])
def test_quick_unstreamed_answers_make_no_difference_to_slow_streamed_ones(
    watch: Make, wire_seconds: float, verdict: str
) -> None:
    """As vLLM 0.26 counted a queue's 274 streamed answers, and 27 unstreamed ones before it."""
    times = Pair(round(301 * 4.46 * NANO), round(274 * wire_seconds * NANO))
    totals = compared(first_tokens=Pair(engine=301, wire=274), first_token_nanoseconds=times)

    check = checks(judged(watch, totals))["time-to-first-token"]

    assert check["verdict"] == verdict


def test_means_of_other_requests_are_not_compared(watch: Make) -> None:
    check = checks(judged(watch, compared(first_tokens=Pair(engine=100, wire=80))))["time-to-first-token"]

    assert check["verdict"] == "CannotCompare"
    assert "the engine timed 100 first tokens over 1 h, and 80 of streamed answers" in check["message"]


@pytest.mark.parametrize(
    "more",
    [{"engine": None}, {"engine": Engine(name="Unknown")}, {"interception": {"mode": "Off"}}],
)
def test_nothing_is_compared_where_one_of_both_is_silent(watch: Make, more: dict[str, Any]) -> None:
    evaluation = judged(watch, compared(requests=Pair(engine=500, wire=100)), **more)

    assert "crossChecks" not in evaluation.status.get("engineCounts", {})
    if "interception" in more:
        assert "not read:" not in message(evaluation)


def test_what_the_engines_count_is_added_up_and_restarts_lose_nothing(watch: Make) -> None:
    one = watch()
    replicas = [one.replica(0), one.replica(1)]
    for number, replica in enumerate(replicas):
        replica.engine = ASKED
        replica.totals.engine = EngineCounts(
            restarts=number,
            prompt_tokens=100,
            generation_tokens=200,
            preemptions=3,
            finished_requests={"stop": 5, "length": 1},
            time_to_first_token=EngineHistogram(2 * NANO, {100_000_000: 4}, 1),
        )

    status = one.gather(replicas).status["engineCounts"]
    again = one.gather(replicas).status["engineCounts"]

    assert status == again, "reports are cumulative"
    assert {key: value for key, value in status.items() if key != "crossChecks"} == {
        "restarts": 1,
        "promptTokens": 200,
        "completionTokens": 400,
        "requests": 12,
        "preemptions": 6,
        "timeToFirstTokenMeanSeconds": 0.4,
    }


def test_an_engine_that_does_not_answer_is_said_with_why(watch: Make) -> None:
    error = "GET http://127.0.0.1:8000/metrics: status 404; are the engine's metrics enabled?"
    evaluation = judged(watch, compared(0), engine=Engine(name="VLLM", error=error))

    assert evaluation.status["engineCounts"] == {"restarts": 0, "notRead": f"chat-0: {error}"}


def test_a_report_whose_engine_counts_went_back_is_refused(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.totals.engine, replica.totals.compared = EngineCounts(generation_tokens=50), compared()
    one.collect([replica])

    for engine, pairs in (
        (EngineCounts(generation_tokens=49), compared()),
        (EngineCounts(generation_tokens=50), compared(99)),
    ):
        replica.totals.engine, replica.totals.compared = engine, pairs
        one.collect([replica])
        assert "smaller counters" in one.state.pods["uid-0"].refused


def test_a_takeover_goes_on_from_what_was_counted(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.engine = ASKED
    replica.totals.engine, replica.totals.compared = EngineCounts(generation_tokens=50), compared(30)
    one.collect([replica])
    one.state = decode(encode(one.state).data)
    replica.totals.engine, replica.totals.compared = EngineCounts(generation_tokens=80), compared(70)

    status = one.gather([replica]).status

    assert status["engineCounts"]["completionTokens"] == 80
    assert status["engineCounts"]["crossChecks"][0]["requests"] == 70


def test_an_older_sidecar_reports_none_of_this(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(5)

    assert "engineCounts" not in one.gather([replica]).status


def test_counts_are_exact_however_large(watch: Make) -> None:
    many = Pair(engine=1_234_567, wire=1_234_561)

    check = checks(judged(watch, compared(answered=1_240, prompt_tokens=many)))["prompt-tokens"]

    assert (check["engine"], check["wire"]) == (1_234_567, 1_234_561)
