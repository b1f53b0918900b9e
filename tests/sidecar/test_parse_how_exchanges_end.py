"""How an exchange ends decides which objective it counts against: each way has its outcome."""

from __future__ import annotations

import json

import pytest

from llmmonitor_sidecar.analyser.connection import ConnectionAnalyser
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome, TokenSource
from llmmonitor_sidecar.tee import CloseReason

REQUEST, RESPONSE = 0, 1
BODY = b'{"model":"m","stream":true}'
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _delta(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return _chunk(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")


DONE = _chunk(b"data: [DONE]\n\n")


def _streaming(*parts: bytes) -> tuple[ConnectionAnalyser, Exchange]:
    analyser = ConnectionAnalyser(1)
    (event,) = analyser.feed(REQUEST, 100, POST)
    at_ns = 200
    for part in (STREAM, *parts):
        analyser.feed(RESPONSE, at_ns, part)
        at_ns += 100
    return analyser, event.exchange


def _only_end(events: list[ExchangeEvent]) -> Exchange:
    (event,) = events
    assert event.kind is EventKind.ENDED
    return event.exchange


@pytest.mark.parametrize("reason", ["eof", "client_reset"])
def test_a_client_that_goes_away_aborts(reason: str) -> None:
    analyser, _ = _streaming(_delta("a"), _delta("b"))

    assert analyser.eof(REQUEST, 900) == []
    exchange = _only_end(analyser.close(reason, 1_000))

    assert exchange.outcome is Outcome.ABORTED
    assert exchange.ended_ns == 900  # when it went, not when the rest of the connection did
    assert (exchange.completion_tokens, exchange.completion_token_source) == (2, TokenSource.COUNTED)


def test_a_client_that_resets_aborts() -> None:
    analyser, _ = _streaming(_delta("a"))

    assert _only_end(analyser.close("client_reset", 900)).outcome is Outcome.ABORTED


def test_an_abort_before_the_first_token_is_told_too() -> None:
    analyser = ConnectionAnalyser(1)
    analyser.feed(REQUEST, 100, POST)
    analyser.eof(REQUEST, 200)

    exchange = _only_end(analyser.eof(RESPONSE, 300))

    assert exchange.outcome is Outcome.ABORTED
    assert exchange.first_token_ns == 0


def test_a_half_close_alone_is_no_abort() -> None:
    analyser, _ = _streaming(_delta("a"))
    analyser.eof(REQUEST, 500)

    exchange = _only_end(analyser.feed(RESPONSE, 600, _delta("", "stop") + DONE + b"0\r\n\r\n"))

    assert exchange.outcome is Outcome.OK


EMPTY = b"HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("given_up", [EMPTY, STREAM + b"0\r\n\r\n", STREAM + _delta("a") + b"0\r\n\r\n"])
def test_a_server_that_gives_up_an_abandoned_request_properly_hides_no_abort(given_up: bytes) -> None:
    # given llama.cpp, which answers a client that hung up with 200 and nothing: queued, and while streaming
    analyser = ConnectionAnalyser(1)
    analyser.feed(REQUEST, 100, POST)
    analyser.eof(REQUEST, 500)

    exchange = analyser.feed(RESPONSE, 600, given_up)[-1].exchange

    assert exchange.outcome is Outcome.ABORTED
    assert exchange.ended_ns == max(500, exchange.last_token_ns)
    assert exchange.error_type is None
    assert not exchange.empty


def test_an_answer_of_nothing_to_a_client_that_waits_is_an_empty_answer() -> None:
    analyser = ConnectionAnalyser(1)
    analyser.feed(REQUEST, 100, POST)

    exchange = _only_end(analyser.feed(RESPONSE, 600, EMPTY))

    assert exchange.outcome is Outcome.OK
    assert exchange.empty


def test_half_a_request_can_only_be_an_abort() -> None:
    analyser = ConnectionAnalyser(1)
    analyser.feed(REQUEST, 100, POST[:-3])

    exchange = _only_end(analyser.eof(REQUEST, 200))

    assert exchange.outcome is Outcome.ABORTED
    assert exchange.request_ended_ns == 0
    assert analyser.close("eof", 300) == []


@pytest.mark.parametrize("reason", ["server_reset", "refused", "eof"])
def test_a_server_that_goes_away_cuts_off(reason: str) -> None:
    analyser, _ = _streaming(_delta("a"))

    assert _only_end(analyser.close(reason, 900)).outcome is Outcome.CUT_OFF


def test_a_server_that_closes_midway_cuts_off() -> None:
    analyser, _ = _streaming(_delta("a"))

    assert _only_end(analyser.eof(RESPONSE, 900)).outcome is Outcome.CUT_OFF
    assert analyser.close("eof", 950) == []


def test_a_stream_whose_transport_ended_well_but_not_its_answer_is_cut_off() -> None:
    analyser, _ = _streaming(_delta("a"))

    exchange = _only_end(analyser.feed(RESPONSE, 900, b"0\r\n\r\n"))

    assert exchange.outcome is Outcome.CUT_OFF
    assert exchange.error_type == "stream_incomplete"


@pytest.mark.parametrize("last", [DONE, _delta("", "length")])
def test_hanging_up_on_the_last_event_is_no_abort(last: bytes) -> None:
    analyser, _ = _streaming(_delta("a"), last)

    assert _only_end(analyser.close("client_reset", 900)).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("closed", "reason"),
    [(CloseReason.STOPPED, "relay_stopped"), (CloseReason.RELAY_DIED, "relay_died")],
)
def test_what_the_relay_itself_ended_is_not_the_models_fault(closed: bytes, reason: str) -> None:
    analyser, _ = _streaming(_delta("a"))

    exchange = _only_end(analyser.close(closed.decode(), 900))

    assert exchange.outcome is Outcome.NOT_ANALYSED
    assert exchange.malformed_reason == reason


def test_lost_copies_end_what_is_open_and_nothing_more_is_read() -> None:
    analyser, _ = _streaming(_delta("a"))

    exchange = _only_end(analyser.lost(900))

    assert exchange.outcome is Outcome.NOT_ANALYSED
    assert not analyser.analysed
    assert analyser.feed(RESPONSE, 950, _delta("b")) == []
    assert analyser.feed(REQUEST, 960, POST) == []
    assert analyser.close("eof", 990) == []


def test_every_exchange_of_a_pipeline_ends_once() -> None:
    analyser = ConnectionAnalyser(1)
    begun = analyser.feed(REQUEST, 100, POST * 3)

    ended = analyser.close("server_reset", 200)

    assert [event.kind for event in begun] == [EventKind.REQUEST_ENDED] * 3
    assert [event.exchange.number for event in ended] == [0, 1, 2]
    assert {event.exchange.outcome for event in ended} == {Outcome.CUT_OFF}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Outcome.CLIENT_ERROR),
        (401, Outcome.CLIENT_ERROR),
        (408, Outcome.TIMED_OUT),
        (429, Outcome.OVERLOADED),
        (529, Outcome.OVERLOADED),
        (500, Outcome.SERVER_ERROR),
        (503, Outcome.OVERLOADED),
        (504, Outcome.TIMED_OUT),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b'{"detail":"no"}', b"\xff\xfe", b'{"error":"x"}'])
def test_an_error_status_says_whose_fault_it_was(status: int, outcome: Outcome, body: bytes) -> None:
    analyser = ConnectionAnalyser(1)
    analyser.feed(REQUEST, 100, POST)
    events = analyser.feed(
        RESPONSE, 200, b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
    )

    exchange = _only_end(events)
    assert exchange.outcome is outcome
    assert exchange.error_type == str(status)


@pytest.mark.parametrize(
    ("error", "outcome", "word"),
    [
        ('{"error":{"message":"x","code":500,"type":"server_error"}}', Outcome.SERVER_ERROR, "server_error"),
        ('{"error":{"message":"x","code":503}}', Outcome.OVERLOADED, "503"),
        (
            '{"error":{"code":400,"type":"exceed_context_size_error"}}',
            Outcome.CLIENT_ERROR,
            "exceed_context_size_error",
        ),
        ('{"error":{"type":"timeout"}}', Outcome.TIMED_OUT, "timeout"),
        ('{"error":"it broke"}', Outcome.SERVER_ERROR, "stream_error"),
        (
            '{"object":"error","message":"x","type":"BadRequestError","code":400}',
            Outcome.CLIENT_ERROR,
            "BadRequestError",
        ),
        ('{"error":{"type":"invented by someone","code":"x"}}', Outcome.SERVER_ERROR, "stream_error"),
    ],
)
def test_an_error_inside_a_stream_overrules_its_status(error: str, outcome: Outcome, word: str) -> None:
    analyser, _ = _streaming(_delta("a"), _chunk(f"data: {error}\n\n".encode()))

    exchange = _only_end(analyser.feed(RESPONSE, 900, DONE + b"0\r\n\r\n"))

    assert (exchange.status, exchange.outcome, exchange.error_type) == (200, outcome, word)


def test_an_answer_without_output_is_empty() -> None:
    analyser, _ = _streaming(_delta("", "stop"))

    exchange = _only_end(analyser.feed(RESPONSE, 900, DONE + b"0\r\n\r\n"))

    assert exchange.outcome is Outcome.OK
    assert exchange.empty


@pytest.mark.parametrize(
    ("method", "status"), [(b"OPTIONS", b"204 No Content"), (b"GET", b"200 OK"), (b"POST", b"307 Moved")]
)
def test_what_was_not_generated_is_not_empty(method: bytes, status: bytes) -> None:
    analyser = ConnectionAnalyser(1)
    analyser.feed(REQUEST, 100, method + POST[4:])

    exchange = _only_end(
        analyser.feed(RESPONSE, 200, b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
    )

    assert exchange.outcome is Outcome.OK
    assert not exchange.empty


def test_an_answer_that_is_no_json_is_not_judged() -> None:
    analyser = ConnectionAnalyser(1)
    analyser.feed(REQUEST, 100, POST)

    exchange = _only_end(analyser.feed(RESPONSE, 200, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))

    assert exchange.outcome is Outcome.MALFORMED
    assert exchange.malformed_reason == "answer_bad_json"
