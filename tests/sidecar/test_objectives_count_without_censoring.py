from __future__ import annotations

import pytest

from llmmonitor_api.configuration import ObjectiveSetting
from llmmonitor_api.report.report import Engine
from llmmonitor_api.report.totals import Totals
from llmmonitor_sidecar.analyser.exchange import (
    ChoiceProgress,
    EventKind,
    Exchange,
    ExchangeEvent,
    Outcome,
    TokenSource,
)
from llmmonitor_sidecar.signals.judgements import Sample
from llmmonitor_sidecar.signals.objectives import Objectives

SECOND = 1_000_000_000


def objective(signal: str, threshold: float | None = None) -> ObjectiveSetting:
    return ObjectiveSetting(name="o", signal=signal, threshold=threshold, threshold_text=str(threshold))


def streaming(number: int = 0) -> Exchange:
    return Exchange(
        1, number, "POST", "/v1/chat/completions", generates=True, stream=True, request_ended_ns=SECOND
    )


class Counted:
    def __init__(self, setting: ObjectiveSetting) -> None:
        self.totals = Totals()
        self.objectives = Objectives(self.totals)
        self.objectives.configure([setting])

    def event(self, kind: EventKind, exchange: Exchange, at_seconds: float) -> None:
        at_ns = int(at_seconds * SECOND)
        if kind is EventKind.FIRST_TOKEN:
            exchange.first_token_ns = at_ns
        self.objectives.handle(ExchangeEvent(kind, exchange, at_ns))

    def end(self, exchange: Exchange, outcome: Outcome, at_seconds: float) -> None:
        exchange.outcome, exchange.ended_ns = outcome, int(at_seconds * SECOND)
        self.event(EventKind.ENDED, exchange, at_seconds)

    def tick(self, exchange: Exchange, at_seconds: float) -> None:
        self.objectives.tick([exchange], int(at_seconds * SECOND))

    @property
    def good_bad(self) -> tuple[int, int]:
        (counts,) = self.totals.objectives.values()
        return counts.good, counts.bad


def test_a_late_first_token_is_bad_the_moment_the_threshold_passes_and_only_once() -> None:
    counted, exchange = Counted(objective("TimeToFirstToken", 2.0)), streaming()

    counted.tick(exchange, 3.0)
    assert counted.good_bad == (0, 0)
    counted.tick(exchange, 3.1)
    assert counted.good_bad == (0, 1)

    counted.tick(exchange, 4.0)
    counted.event(EventKind.FIRST_TOKEN, exchange, 5.0)
    counted.end(exchange, Outcome.OK, 6.0)
    assert counted.good_bad == (0, 1)


def test_a_first_token_in_time_is_good_whatever_comes_after() -> None:
    counted, exchange = Counted(objective("TimeToFirstToken", 2.0)), streaming()

    counted.event(EventKind.FIRST_TOKEN, exchange, 2.9)
    counted.tick(exchange, 9.0)
    counted.end(exchange, Outcome.ABORTED, 9.0)

    assert counted.good_bad == (1, 0)


@pytest.mark.parametrize(("gave_up_at", "expected"), [(2.9, (0, 0)), (3.1, (0, 1))])
def test_a_client_that_gives_up_counts_only_after_the_threshold(
    gave_up_at: float, expected: tuple[int, int]
) -> None:
    counted, exchange = Counted(objective("TimeToFirstToken", 2.0)), streaming()

    counted.end(exchange, Outcome.ABORTED, gave_up_at)

    assert counted.good_bad == expected


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.OK, (1, 0)),
        (Outcome.CLIENT_ERROR, (0, 0)),
        (Outcome.ABORTED, (0, 0)),
        (Outcome.MALFORMED, (0, 0)),
        (Outcome.NOT_ANALYSED, (0, 0)),
        (Outcome.OVERLOADED, (0, 1)),
        (Outcome.TIMED_OUT, (0, 1)),
        (Outcome.SERVER_ERROR, (0, 1)),
        (Outcome.CUT_OFF, (0, 1)),
    ],
)
def test_errors_count_by_whose_fault_they_are(outcome: Outcome, expected: tuple[int, int]) -> None:
    counted = Counted(objective("ErrorRate"))

    counted.end(streaming(), outcome, 2.0)

    assert counted.good_bad == expected


def test_a_refused_connection_is_an_error() -> None:
    counted = Counted(objective("ErrorRate"))

    counted.objectives.refused()

    assert counted.good_bad == (0, 1)


def test_a_request_that_never_ends_is_bad_for_its_duration() -> None:
    counted, exchange = Counted(objective("RequestDuration", 10.0)), streaming()

    counted.tick(exchange, 11.1)

    assert counted.good_bad == (0, 1)


def test_time_per_output_token_is_judged_on_exact_counts_only() -> None:
    counted = Counted(objective("TimePerOutputToken", 0.1))
    for number, source in enumerate([TokenSource.USAGE, TokenSource.COUNTED]):
        exchange = streaming(number)
        exchange.completion_tokens, exchange.completion_token_source = 11, source
        exchange.choices[0] = ChoiceProgress(
            first_token_ns=2 * SECOND, last_token_ns=4 * SECOND, chunks=11, tokens=11, tokens_in_first_chunk=1
        )
        counted.end(exchange, Outcome.OK, 4.0)

    assert counted.good_bad == (0, 1)  # 2 s over 10 tokens: 0.2 s


def test_truncated_and_aborted_answers_have_objectives_of_their_own() -> None:
    truncations, aborts = Counted(objective("TruncationRate")), Counted(objective("AbortRate"))
    for counted in (truncations, aborts):
        whole, cut = streaming(0), streaming(1)
        whole.finish_reasons, cut.finish_reasons = ("stop",), ("length",)
        counted.end(whole, Outcome.OK, 2.0)
        counted.end(cut, Outcome.OK, 2.0)
        counted.end(streaming(2), Outcome.ABORTED, 2.0)

    assert truncations.good_bad == (1, 1)
    assert aborts.good_bad == (2, 1)


@pytest.mark.parametrize(("content_at", "expected"), [(2.9, (1, 0)), (3.05, (0, 1))])
def test_first_content_counts_with_the_next_look_and_not_at_the_end(
    content_at: float, expected: tuple[int, int]
) -> None:
    counted, exchange = Counted(objective("TimeToFirstContent", 2.0)), streaming()
    counted.event(EventKind.FIRST_TOKEN, exchange, 1.5)  # reasoning
    counted.tick(exchange, 2.5)
    assert counted.good_bad == (0, 0)

    exchange.first_content_ns = int(content_at * SECOND)
    counted.tick(exchange, 3.2)
    assert counted.good_bad == expected
    counted.end(exchange, Outcome.OK, 9.0)

    assert counted.good_bad == expected


def test_content_that_does_not_come_is_bad_at_once_but_of_a_tool_call_is_not_missed() -> None:
    counted = Counted(objective("TimeToFirstContent", 2.0))
    reasons, calls, hurried = streaming(0), streaming(1), streaming(2)
    calls.calls_tool = True

    for exchange in (reasons, calls):
        counted.tick(exchange, 3.1)
    assert counted.good_bad == (0, 1)
    for exchange in (reasons, calls):
        counted.end(exchange, Outcome.OK, 9.0)
    counted.end(hurried, Outcome.ABORTED, 2.0)

    assert counted.good_bad == (0, 1)


def test_a_stream_that_stops_is_bad_while_it_hangs_and_a_gap_between_two_looks_at_the_end() -> None:
    counted = Counted(objective("ChunkGap", 1.0))
    hangs, stutters, flows, one_chunk = (streaming(number) for number in range(4))
    for exchange in (hangs, stutters, flows, one_chunk):
        exchange.last_token_ns = 2 * SECOND
    stutters.longest_gap_ns, flows.longest_gap_ns = 1_100_000_000, 900_000_000

    counted.tick(hangs, 3.0)
    assert counted.good_bad == (0, 0)
    counted.tick(hangs, 3.1)
    assert counted.good_bad == (0, 1)
    for exchange in (hangs, stutters, flows, one_chunk):
        counted.end(exchange, Outcome.OK, 3.2)

    assert counted.good_bad == (1, 2)


def test_a_stream_that_the_server_cut_off_after_a_silence_has_that_gap() -> None:
    counted = Counted(objective("ChunkGap", 1.0))
    for number, ended in enumerate([2.9, 3.1]):
        exchange = streaming(number)
        exchange.last_token_ns, exchange.longest_gap_ns = 2 * SECOND, 1
        counted.end(exchange, Outcome.CUT_OFF, ended)

    assert counted.good_bad == (0, 1)


def test_tokens_per_second_are_of_the_whole_request_and_exact() -> None:
    counted = Counted(objective("RequestThroughput", 10.0))
    told = [
        (20, TokenSource.USAGE),
        (19, TokenSource.USAGE),
        (5, TokenSource.COUNTED),
        (0, TokenSource.USAGE),
    ]
    for number, (tokens, source) in enumerate(told):
        exchange = streaming(number)
        exchange.completion_tokens, exchange.completion_token_source = tokens, source
        counted.end(exchange, Outcome.OK, 3.0)  # two seconds

    assert counted.good_bad == (1, 1)


@pytest.mark.parametrize(
    ("signal", "outcome", "expected"),
    [
        ("OverloadRate", Outcome.OVERLOADED, (0, 1)),
        ("OverloadRate", Outcome.SERVER_ERROR, (0, 0)),
        ("OverloadRate", Outcome.OK, (1, 0)),
        ("TimeoutRate", Outcome.TIMED_OUT, (0, 1)),
        ("TimeoutRate", Outcome.OVERLOADED, (0, 0)),
        ("TimeoutRate", Outcome.OK, (1, 0)),
    ],
)
def test_classes_of_errors_have_objectives_of_their_own(
    signal: str, outcome: Outcome, expected: tuple[int, int]
) -> None:
    counted = Counted(objective(signal))

    counted.end(streaming(), outcome, 2.0)

    assert counted.good_bad == expected


def test_empty_answers_and_malformed_ones_count_where_there_could_be_any() -> None:
    empties, malformed = Counted(objective("EmptyAnswerRate")), Counted(objective("MalformedAnswerRate"))
    forms = [(), (("json", True),), (("tool_call", True), ("json", False))]
    for counted in (empties, malformed):
        for number, form in enumerate(forms):
            exchange = streaming(number)
            exchange.forms, exchange.empty = form, not form
            counted.end(exchange, Outcome.OK, 2.0)
        counted.end(streaming(9), Outcome.SERVER_ERROR, 2.0)

    assert empties.good_bad == (2, 1)
    assert malformed.good_bad == (1, 1)


@pytest.mark.parametrize(
    ("signal", "threshold", "sample", "expected"),
    [
        (
            "QueueDepth",
            4,
            Sample(Engine("x", waiting=5), model_listening=True, tokens_per_second=None),
            (0, 1),
        ),
        ("QueueDepth", 4, Sample(None, model_listening=True, tokens_per_second=None), (0, 0)),
        (
            "KVCacheUse",
            0.9,
            Sample(Engine("x", kv_cache_use=0.5), model_listening=True, tokens_per_second=1),
            (1, 0),
        ),
        ("Availability", None, Sample(None, model_listening=False, tokens_per_second=None), (0, 1)),
        ("Throughput", 10, Sample(None, model_listening=True, tokens_per_second=3.0), (0, 1)),
        ("Throughput", 10, Sample(None, model_listening=True, tokens_per_second=None), (0, 0)),
    ],
)
def test_time_based_signals_count_samples_and_no_data_is_no_sample(
    signal: str, threshold: float | None, sample: Sample, expected: tuple[int, int]
) -> None:
    counted = Counted(objective(signal, threshold))

    counted.objectives.sample(sample)

    assert counted.good_bad == expected


def test_a_changed_threshold_counts_anew_and_an_unchanged_objective_goes_on() -> None:
    counted = Counted(objective("ErrorRate"))
    counted.end(streaming(), Outcome.OK, 2.0)

    counted.objectives.configure([objective("ErrorRate")])
    assert counted.good_bad == (1, 0)

    counted.objectives.configure([objective("TimeToFirstToken", 1.0)])
    assert counted.good_bad == (0, 0)


def both() -> Counted:
    """Two objectives on requests, and one on time."""
    counted = Counted(objective("TimeToFirstToken", 2.0))
    counted.objectives.configure(
        [objective("TimeToFirstToken", 2.0), objective("ErrorRate"), objective("Availability")]
    )
    return counted


def goodput(counted: Counted) -> tuple[int, int]:
    return counted.totals.met_objectives, counted.totals.missed_objectives


def test_goodput_counts_a_request_once_by_all_objectives() -> None:
    counted = both()
    good, late, failed, wrong = (streaming(number) for number in range(4))

    counted.event(EventKind.FIRST_TOKEN, good, 2.0)
    assert goodput(counted) == (0, 0), "it may still fail"
    counted.end(good, Outcome.OK, 5.0)
    counted.end(failed, Outcome.OVERLOADED, 4.0)  # misses both
    counted.end(wrong, Outcome.CLIENT_ERROR, 1.1)

    assert goodput(counted) == (1, 1)
    counted.tick(late, 3.5)
    assert goodput(counted) == (1, 2), "missed while it is still waited for"
    counted.end(late, Outcome.OK, 9.0)
    assert goodput(counted) == (1, 2)


@pytest.mark.parametrize("outcome", [Outcome.NOT_ANALYSED, Outcome.MALFORMED])
def test_what_could_not_be_read_to_its_end_is_no_goodput(outcome: Outcome) -> None:
    counted, exchange = both(), streaming()

    counted.event(EventKind.FIRST_TOKEN, exchange, 1.5)
    counted.end(exchange, outcome, 5.0)

    assert goodput(counted) == (0, 0)


def test_a_refused_connection_misses_once_and_samples_of_time_are_no_requests() -> None:
    counted = both()

    counted.objectives.refused()
    counted.objectives.sample(Sample(None, model_listening=True, tokens_per_second=None))

    assert goodput(counted) == (0, 1)
