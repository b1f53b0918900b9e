from __future__ import annotations

import pytest

from llmmonitor_api.report.histogram import RELATIVE_ERROR, Histogram
from llmmonitor_api.report.totals import SERIES_LIMIT, Totals, TrafficSeries
from llmmonitor_sidecar.analyser.exchange import (
    ChoiceProgress,
    EventKind,
    Exchange,
    ExchangeEvent,
    Outcome,
    TokenSource,
)
from llmmonitor_sidecar.signals.live import InFlight
from llmmonitor_sidecar.signals.models import LIMIT, ModelNames
from llmmonitor_sidecar.signals.traffic import Traffic

SECOND = 1_000_000_000
MILLI = 1_000_000


def answered(model: str = "m", *, source: TokenSource = TokenSource.USAGE, tokens: int = 11) -> Exchange:
    exchange = Exchange(
        1,
        0,
        "POST",
        "/v1/chat/completions",
        dialect="openai",
        operation="chat",
        generates=True,
        stream=True,
        request_model=model,
        response_model=model,
        status=200,
        request_began_ns=SECOND,
        request_ended_ns=2 * SECOND,
        first_token_ns=2 * SECOND + 300 * MILLI,
        first_content_ns=2 * SECOND + 500 * MILLI,
        last_token_ns=3 * SECOND + 300 * MILLI,
        ended_ns=4 * SECOND,
        outcome=Outcome.OK,
        prompt_tokens=7,
        prompt_token_source=source,
        completion_tokens=tokens,
        completion_token_source=source,
        finish_reasons=("stop",),
    )
    exchange.choices[0] = ChoiceProgress(
        first_token_ns=exchange.first_token_ns,
        last_token_ns=exchange.last_token_ns,
        chunks=10,
        tokens=10,
        tokens_in_first_chunk=1,
        finish_reason="stop",
    )
    exchange.gaps_ns = [100 * MILLI] * 9
    return exchange


def play(*exchanges: Exchange) -> Totals:
    totals = Totals()
    traffic = Traffic(totals, ModelNames())
    for exchange in exchanges:
        for kind in EventKind:
            traffic.handle(ExchangeEvent(kind, exchange, exchange.ended_ns))
    return totals


def only(totals: Totals) -> TrafficSeries:
    (series,) = totals.traffic.values()
    return series


def single(histogram: Histogram) -> float:
    assert histogram.count == 1
    value = histogram.quantile(0.5)
    assert value is not None
    return value


def test_times_begin_with_the_last_request_byte_and_tokens_after_the_first_chunk_share_the_rest() -> None:
    series = only(play(answered()))

    assert single(series.time_to_first_token) == pytest.approx(0.3, rel=RELATIVE_ERROR)
    assert single(series.time_to_first_content) == pytest.approx(0.5, rel=RELATIVE_ERROR)
    assert single(series.duration) == pytest.approx(2.0, rel=RELATIVE_ERROR)
    assert single(series.time_per_output_token) == pytest.approx(0.1, rel=RELATIVE_ERROR)
    assert series.gaps.count == 9
    assert (series.prompt_tokens_exact, series.completion_tokens_exact) == (7, 11)
    assert series.outcomes == {"ok": 1}


def test_counted_tokens_stay_apart_and_give_no_time_per_token() -> None:
    series = only(play(answered(source=TokenSource.COUNTED)))

    assert series.completion_tokens_exact == 0
    assert series.completion_tokens_counted == 11
    assert series.time_per_output_token.count == 0
    assert series.completion_tokens.count == 0
    assert series.token_sources == {"counted": 1}


def test_gaps_of_a_stream_in_flight_are_taken_over_once() -> None:
    totals, exchange = Totals(), answered()
    traffic = Traffic(totals, ModelNames())

    traffic.drain(exchange)
    traffic.drain(exchange)

    assert only(totals).gaps.count == 9


def test_model_names_from_clients_cannot_make_endless_series() -> None:
    totals = play(*(answered(f"model-{number}") for number in range(10 * SERIES_LIMIT)))

    models = {series.request_model for series in totals.traffic.values()}

    assert len(models) == LIMIT + 1
    assert "other" in models
    assert sum(series.outcomes["ok"] for series in totals.traffic.values()) == 10 * SERIES_LIMIT


def test_names_of_requests_that_the_server_refuses_take_no_place_from_those_that_it_serves() -> None:
    made_up = [answered(f"made-up-{number}") for number in range(3 * LIMIT)]
    for exchange in made_up:
        exchange.outcome = Outcome.CLIENT_ERROR
    totals = play(*made_up, answered("real"))

    series = {one.request_model: one.outcomes for one in totals.traffic.values()}

    assert series == {"other": {"client_error": 3 * LIMIT}, "real": {"ok": 1}}


@pytest.mark.parametrize("name", ["a\nb", "x" * 200, "\x00"])
def test_names_that_are_no_names_become_other(name: str) -> None:
    assert ModelNames().admit(name) == "other"


def test_once_the_engine_says_what_it_serves_only_that_is_admitted() -> None:
    models = ModelNames()
    models.serves(("real",))

    assert (models.admit("real"), models.admit("typo"), models.admit(None)) == ("real", "other", "")


def test_no_progress_is_the_time_since_any_sign_of_work_on_anything_in_flight() -> None:
    in_flight = InFlight()
    exchange = answered()
    exchange.outcome, exchange.ended_ns = Outcome.IN_FLIGHT, 0
    exchange.response_began_ns = exchange.first_token_ns

    in_flight.handle(ExchangeEvent(EventKind.REQUEST_ENDED, exchange, 2 * SECOND))
    live = in_flight.live(10 * SECOND)

    assert live.in_flight == 1
    assert live.oldest_in_flight_seconds == pytest.approx(8.0)
    assert live.seconds_without_progress == pytest.approx(6.7)


def test_an_unstreamed_answer_shows_progress_by_the_engines_own_counter() -> None:
    in_flight = InFlight()
    exchange = Exchange(1, 0, "POST", "/v1/completions", generates=True, request_ended_ns=SECOND)
    in_flight.handle(ExchangeEvent(EventKind.REQUEST_ENDED, exchange, SECOND))

    in_flight.engine_counted(100, 50 * SECOND)
    assert in_flight.live(60 * SECOND).seconds_without_progress == pytest.approx(59)

    in_flight.engine_counted(101, 55 * SECOND)
    assert in_flight.live(60 * SECOND).seconds_without_progress == pytest.approx(5)


def test_with_nothing_in_flight_there_is_no_progress_to_miss() -> None:
    live = InFlight().live(SECOND)

    assert (live.in_flight, live.seconds_without_progress, live.last_request_age_seconds) == (0, None, None)
