"""Which answer belongs to which request, in every form that HTTP/1 has for it."""

from __future__ import annotations

import pytest

from llmmonitor_sidecar.analyser.connection import ConnectionAnalyser
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome
from llmmonitor_sidecar.analyser.preface import Protocol

REQUEST, RESPONSE = 0, 1
CHAT = b'{"model":"m","messages":[]}'
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(CHAT), CHAT)
ANSWER = (
    b'{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":2}}'
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)


def _ended(events: list[ExchangeEvent]) -> list[Exchange]:
    return [event.exchange for event in events if event.kind is EventKind.ENDED]


@pytest.fixture
def analyser() -> ConnectionAnalyser:
    return ConnectionAnalyser(1)


def test_times_are_those_of_the_bytes(analyser: ConnectionAnalyser) -> None:
    analyser.feed(REQUEST, 10, POST[:20])
    analyser.feed(REQUEST, 20, POST[20:-1])
    begun = analyser.feed(REQUEST, 30, POST[-1:])
    analyser.feed(RESPONSE, 40, OK[:10])
    events = analyser.feed(RESPONSE, 50, OK[10:])

    exchange = events[0].exchange
    assert [event.kind for event in begun + events] == [EventKind.REQUEST_ENDED, EventKind.ENDED]
    assert (exchange.request_began_ns, exchange.request_ended_ns) == (10, 30)
    assert (exchange.response_began_ns, exchange.ended_ns) == (40, 50)


def test_an_exchange_is_in_flight_from_its_last_request_byte(analyser: ConnectionAnalyser) -> None:
    assert analyser.feed(REQUEST, 10, POST[:-1]) == []

    exchange = analyser.feed(REQUEST, 20, POST[-1:])[0].exchange

    assert exchange.in_flight
    analyser.feed(RESPONSE, 30, OK)
    assert not exchange.in_flight


def test_interim_answers_end_nothing(analyser: ConnectionAnalyser) -> None:
    head, body = POST[: -len(CHAT)], POST[-len(CHAT) :]
    analyser.feed(REQUEST, 1, head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
    assert analyser.feed(RESPONSE, 2, b"HTTP/1.1 100 Continue\r\n\r\n") == []
    analyser.feed(REQUEST, 3, body)
    events = analyser.feed(RESPONSE, 4, b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK)

    (exchange,) = _ended(events)
    assert (exchange.status, exchange.response_began_ns, exchange.completion_tokens) == (200, 4, 2)


@pytest.mark.parametrize("split", [1, 7, 1_000])
def test_an_answer_to_head_has_no_body(analyser: ConnectionAnalyser, split: int) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n"
    analyser.feed(REQUEST, 1, b"HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n" * 2 + POST)
    wire = b"HTTP/1.1 103 Early Hints\r\n\r\n" + head + head + OK
    events = []
    for start in range(0, len(wire), split):
        events += analyser.feed(RESPONSE, 2 + start, wire[start : start + split])

    assert [exchange.method for exchange in _ended(events)] == ["HEAD", "HEAD", "POST"]
    assert [exchange.completion_tokens for exchange in _ended(events)] == [0, 0, 2]


@pytest.mark.parametrize("split", [1, 50, 10_000])
def test_an_answer_to_head_behind_another_with_a_body(analyser: ConnectionAnalyser, split: int) -> None:
    analyser.feed(REQUEST, 1, POST + b"HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n" + POST)
    wire = OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n" + OK
    events = []
    for start in range(0, len(wire), split):
        events += analyser.feed(RESPONSE, 2, wire[start : start + split])

    assert [exchange.method for exchange in _ended(events)] == ["POST", "HEAD", "POST"]
    assert [exchange.completion_tokens for exchange in _ended(events)] == [2, 0, 2]


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified\r\nContent-Length: 99"])
def test_answers_that_never_have_a_body(analyser: ConnectionAnalyser, status: bytes) -> None:
    analyser.feed(REQUEST, 1, POST + POST)
    events = analyser.feed(RESPONSE, 2, b"HTTP/1.1 " + status + b"\r\n\r\n" + OK)

    assert len(_ended(events)) == 2


def test_http_1_0_answers_end_with_the_connection(analyser: ConnectionAnalyser) -> None:
    analyser.feed(REQUEST, 1, POST.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert analyser.feed(RESPONSE, 2, b"HTTP/1.0 200 OK\r\n\r\n" + ANSWER[:20]) == []
    assert analyser.feed(RESPONSE, 3, ANSWER[20:]) == []
    (event,) = analyser.eof(RESPONSE, 4)

    assert event.exchange.outcome is Outcome.OK
    assert event.exchange.completion_tokens == 2


def test_chunks_extensions_and_trailers(analyser: ConnectionAnalyser) -> None:
    analyser.feed(REQUEST, 1, POST)
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    wire += (
        b"8;a=b\r\n"
        + ANSWER[:8]
        + b"\r\n%x\r\n" % (len(ANSWER) - 8)
        + ANSWER[8:]
        + b"\r\n0\r\nX-Cost: 1\r\n\r\n"
    )
    (exchange,) = _ended(analyser.feed(RESPONSE, 2, wire))

    assert exchange.completion_tokens == 2


def test_a_chunked_request(analyser: ConnectionAnalyser) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    (event,) = analyser.feed(REQUEST, 1, head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(CHAT), CHAT))

    assert event.exchange.request_model == "m"


def test_an_answer_before_the_request_is_complete(analyser: ConnectionAnalyser) -> None:
    begun = analyser.feed(REQUEST, 1, POST[:-5])
    events = analyser.feed(RESPONSE, 2, b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    late = analyser.feed(REQUEST, 3, POST[-5:] + POST)
    more = analyser.feed(RESPONSE, 4, OK)

    assert begun == []
    assert [event.kind for event in events] == [EventKind.ENDED]
    assert events[0].exchange.request_ended_ns == 0
    assert [event.exchange.number for event in late] == [1]
    assert [exchange.number for exchange in _ended(more)] == [1]


def test_tokens_before_the_request_is_complete_wait_for_it(analyser: ConnectionAnalyser) -> None:
    analyser.feed(REQUEST, 1, POST[:-5])
    stream = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    early = analyser.feed(
        RESPONSE, 2, stream + b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
    )
    events = analyser.feed(REQUEST, 3, POST[-5:])

    assert early == []
    assert [event.kind for event in events] == [EventKind.REQUEST_ENDED, EventKind.FIRST_TOKEN]


def test_an_upgrade_that_is_ignored_stays_http(analyser: ConnectionAnalyser) -> None:
    upgrade = b"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"
    asked = POST.replace(b"\r\nHost: a\r\n", upgrade)
    for _ in range(2):
        analyser.feed(REQUEST, 1, asked)
        (exchange,) = _ended(analyser.feed(RESPONSE, 2, OK))
        assert exchange.completion_tokens == 2
    assert analyser.protocol is Protocol.HTTP1


def test_an_upgrade_that_is_granted_is_opaque(analyser: ConnectionAnalyser) -> None:
    ask = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    analyser.feed(REQUEST, 1, ask)
    grant = (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"
    )
    events = analyser.feed(RESPONSE, 2, grant)

    assert [exchange.status for exchange in _ended(events)] == [101]
    assert analyser.protocol is Protocol.UPGRADED
    assert analyser.malformed_reason is None
    assert analyser.feed(REQUEST, 3, b"\x81\x05hello") == []


def test_a_tunnel_is_opaque_once_granted(analyser: ConnectionAnalyser) -> None:
    analyser.feed(REQUEST, 1, b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03\x01")
    events = analyser.feed(RESPONSE, 2, b"HTTP/1.1 200 OK\r\n\r\n\x16\x03")

    assert [exchange.method for exchange in _ended(events)] == ["CONNECT"]
    assert analyser.protocol is Protocol.TUNNEL


def test_a_tunnel_that_is_refused_stays_http(analyser: ConnectionAnalyser) -> None:
    analyser.feed(REQUEST, 1, b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n")
    analyser.feed(RESPONSE, 2, b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
    analyser.feed(REQUEST, 3, POST)
    (exchange,) = _ended(analyser.feed(RESPONSE, 4, OK))

    assert exchange.completion_tokens == 2


@pytest.mark.parametrize(
    ("first", "protocol"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04", Protocol.H2),
        (b"\x16\x03\x01\x02\x00\x01", Protocol.TLS),
        (b"\x00\x01binary", Protocol.OPAQUE),
        (b"*1\r\n$4\r\nPING\r\n", Protocol.OPAQUE),
        (b"\r\n" * 20, Protocol.OPAQUE),
        (b"HELO mail.example\r\n", Protocol.OPAQUE),
    ],
)
@pytest.mark.parametrize("split", [1, 1_000])
def test_what_is_not_http_is_opaque(first: bytes, protocol: Protocol, split: int) -> None:
    analyser = ConnectionAnalyser(1)
    events = []
    for start in range(0, len(first), split):
        events += analyser.feed(REQUEST, 1, first[start : start + split])
    events += analyser.feed(RESPONSE, 2, b"\x00\x01")
    events += analyser.close("eof", 3)

    assert analyser.protocol is protocol
    assert events == []


def test_a_server_that_speaks_first_is_opaque(analyser: ConnectionAnalyser) -> None:
    assert analyser.feed(RESPONSE, 1, b"220 mail.example\r\n") == []
    assert analyser.protocol is Protocol.OPAQUE


def test_a_request_that_turns_bad_leaves_earlier_ones_to_be_answered(analyser: ConnectionAnalyser) -> None:
    analyser.feed(REQUEST, 1, POST)
    assert analyser.feed(REQUEST, 2, b"\x00garbage\r\n\r\n") == []
    events = analyser.feed(RESPONSE, 3, OK)

    assert [exchange.outcome for exchange in _ended(events)] == [Outcome.OK]
    assert analyser.malformed_reason == "bad_method"
    assert not analyser.analysed


def test_a_request_with_a_bad_body_is_malformed(analyser: ConnectionAnalyser) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    events = analyser.feed(REQUEST, 1, head + b"zz\r\n")

    assert [exchange.outcome for exchange in _ended(events)] == [Outcome.MALFORMED]
    assert events[-1].exchange.malformed_reason == "bad_framing"


def test_a_bad_answer_ends_what_is_open(analyser: ConnectionAnalyser) -> None:
    analyser.feed(REQUEST, 1, POST + POST)
    events = analyser.feed(RESPONSE, 2, b"HTTP/1.1 banana\r\n\r\n")

    assert [exchange.outcome for exchange in _ended(events)] == [Outcome.MALFORMED, Outcome.NOT_ANALYSED]
    assert analyser.feed(RESPONSE, 3, OK) == []


def test_an_answer_that_no_request_asked_for(analyser: ConnectionAnalyser) -> None:
    analyser.feed(REQUEST, 1, POST)
    analyser.feed(RESPONSE, 2, OK)
    analyser.feed(RESPONSE, 3, b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")

    assert analyser.malformed_reason == "response_without_request"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/v1/chat/completions?api-version=1", "/v1/chat/completions"),
        (b"/openai/v1/chat/completions", "/v1/chat/completions"),
        (b"/openai/deployments/gpt/chat/completions", "/v1/chat/completions"),
        (b"http://model/api/v1/chat/completions/", "/v1/chat/completions"),
        (b"/completions", "/completions"),
        (b"/v1/completions", "/v1/completions"),
        (b"/secret/user/path", "other"),
        (b"/", "other"),
        (b"*", "other"),
    ],
)
def test_routes_are_of_a_bounded_set(analyser: ConnectionAnalyser, target: bytes, path: str) -> None:
    (event,) = analyser.feed(REQUEST, 1, b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")

    assert event.exchange.path == path


@pytest.mark.parametrize("split", [1, 11, 10_000])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_beside_an_ignored_upgrade_is_read(
    analyser: ConnectionAnalyser, split: int, *, chunked: bool
) -> None:
    framing = b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % len(CHAT)
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(CHAT), CHAT) if chunked else CHAT
    upgrade = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
    asked = b"POST /v1/chat/completions HTTP/1.1\r\n" + upgrade + framing + b"\r\n" + body
    wire = asked + POST + asked
    events = []
    for start in range(0, len(wire), split):
        events += analyser.feed(REQUEST, 1, wire[start : start + split])
    events += analyser.feed(RESPONSE, 2, OK * 3)

    assert [exchange.request_model for exchange in _ended(events)] == ["m", "m", "m"]
    assert [exchange.request_ended_ns for exchange in _ended(events)] == [1, 1, 1]
