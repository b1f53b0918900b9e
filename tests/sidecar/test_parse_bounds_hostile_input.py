"""Whatever a client or a server sends, memory has a ceiling and what was asked for cheaply is still found."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import repeat

import pytest

from llmmonitor_sidecar.analyser import limits
from llmmonitor_sidecar.analyser.connection import ConnectionAnalyser
from llmmonitor_sidecar.analyser.exchange import EventKind, ExchangeEvent, Outcome

REQUEST, RESPONSE = 0, 1
READ_BYTES = 65_536
MIB = 1 << 20
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"


@contextmanager
def _at_most(ceiling_bytes: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= ceiling_bytes


def _flood(analyser: ConnectionAnalyser, direction: int, parts: Iterable[bytes]) -> list[ExchangeEvent]:
    events = []
    for at_ns, part in enumerate(parts):
        events += analyser.feed(direction, at_ns, part)
    return events


def _asked(body: bytes = b'{"model":"m","stream":true}') -> ConnectionAnalyser:
    analyser = ConnectionAnalyser(1)
    analyser.feed(REQUEST, 1, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return analyser


@pytest.mark.parametrize(
    "endless",
    [b"X: " + b"y" * READ_BYTES, b"X-A: b\r\n" * 8_192, b"X" * READ_BYTES, b"X:\r\n " * 10_000],
    ids=["one long value", "many headers", "one long name", "folded"],
)
def test_a_head_that_never_ends(endless: bytes) -> None:
    analyser = ConnectionAnalyser(1)
    with _at_most(MIB):
        assert _flood(analyser, REQUEST, [HEAD, endless, *[endless[3:]] * 200]) == []

    assert not analyser.analysed
    assert analyser.malformed_reason in {"head_too_large", "bad_syntax"}


def test_a_target_that_never_ends() -> None:
    analyser = ConnectionAnalyser(1)
    with _at_most(MIB):
        _flood(analyser, REQUEST, [b"GET /", *[b"a" * 4_096] * 200])

    assert analyser.malformed_reason == "target_too_large"


def test_trailers_that_never_end() -> None:
    analyser = ConnectionAnalyser(1)
    with _at_most(MIB):
        parts = [HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", *[b"X-A: bcdefgh\r\n" * 1_000] * 100]
        events = _flood(analyser, REQUEST, parts)

    assert [event.exchange.outcome for event in events] == [Outcome.MALFORMED]
    assert analyser.malformed_reason == "head_too_large"


@pytest.mark.parametrize("where", ["head", "tail"])
def test_a_request_body_too_long_to_keep_still_names_its_model(where: str) -> None:
    facts, pad = b'"model":"big","stream":true', b'"messages":[{"content":"' + b"x" * READ_BYTES
    first, last = (facts + b"," + pad, b'"}]}') if where == "head" else (pad, b'"}],' + facts + b"}")
    middle = [b"x" * READ_BYTES] * 400
    size = 1 + len(first) + sum(map(len, middle)) + len(last)
    analyser = ConnectionAnalyser(1)
    with _at_most(6 * MIB):
        parts = [HEAD + b"Content-Length: %d\r\n\r\n{" % size, first, *middle, last]
        (event,) = _flood(analyser, REQUEST, parts)

    assert (event.exchange.request_model, event.exchange.stream) == ("big", True)
    assert event.exchange.malformed_reason == "request_too_long"


def test_a_body_of_tiny_pieces_costs_no_more_than_its_bytes() -> None:
    analyser = ConnectionAnalyser(1)
    analyser.feed(REQUEST, 1, HEAD + b"Content-Length: 100000\r\n\r\n")
    with _at_most(MIB):
        _flood(analyser, REQUEST, repeat(b"x", 99_999))

        assert analyser.buffered_bytes == 99_999


def test_the_usage_at_the_end_of_a_huge_answer_is_found() -> None:
    item = json.dumps({"object": "embedding", "embedding": [0.123456] * 8_000}).encode()
    usage = b'"usage":{"prompt_tokens":4321,"total_tokens":4321,"prompt_tokens_details":{"cached_tokens":7}}'
    answer = (
        b'{"model":"bge","data":['
        + b",".join([item] * 200)
        + b',{"usage":{"prompt_tokens":1}}],'
        + usage
        + b"}"
    )
    analyser = ConnectionAnalyser(1)
    analyser.feed(REQUEST, 1, b"POST /v1/embeddings HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
    analyser.feed(RESPONSE, 2, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer))
    pieces = [answer[i : i + READ_BYTES] for i in range(0, len(answer), READ_BYTES)]
    with _at_most(4 * MIB):
        (event,) = _flood(analyser, RESPONSE, pieces)

    assert len(answer) > 10 * limits.ANSWER_BODY_BYTES
    assert event.exchange.outcome is Outcome.OK
    assert (event.exchange.prompt_tokens, event.exchange.cached_tokens) == (4321, 7)
    assert event.exchange.response_model == "bge"


def test_an_endless_error_body_is_not_kept() -> None:
    analyser = _asked()
    with _at_most(MIB):
        _flood(analyser, RESPONSE, [b"HTTP/1.1 500 No\r\n\r\n", *[b"x" * READ_BYTES] * 400])
        (event,) = analyser.eof(RESPONSE, 9)

    assert (event.exchange.outcome, event.exchange.error_type) == (Outcome.SERVER_ERROR, "500")


def test_an_event_that_never_ends_is_not_kept() -> None:
    analyser = _asked()
    stream = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    with _at_most(4 * MIB):
        _flood(analyser, RESPONSE, [stream, b"data: ", *[b"x" * READ_BYTES] * 400])
        _flood(analyser, RESPONSE, [b"\n\ndata: [DONE]\n\n"])
        (event,) = analyser.eof(RESPONSE, 9)

    assert event.exchange.malformed_reason == "event_too_large"
    assert event.exchange.outcome is Outcome.OK


def test_a_bomb_is_not_unpacked_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DECODED_BODY_BYTES", 32 * MIB)
    bomb = gzip.compress(bytes(64 * MIB))
    analyser = ConnectionAnalyser(1)
    with _at_most(6 * MIB):
        head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
        (event,) = _flood(analyser, REQUEST, [head, bomb])

    assert event.exchange.malformed_reason == "decoded_too_large"


def test_pipelining_without_end_is_given_up() -> None:
    analyser = ConnectionAnalyser(1)
    with _at_most(2 * MIB):
        events = _flood(analyser, REQUEST, [b"GET /health HTTP/1.1\r\n\r\n" * 2_000] * 50)

    assert len(events) == limits.PIPELINED_REQUESTS
    assert analyser.malformed_reason == "too_many_pipelined"


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_refused_not_followed(opening: bytes) -> None:
    body = opening * (limits.REQUEST_BODY_BYTES // len(opening) - 10)
    analyser = ConnectionAnalyser(1)
    analyser.feed(REQUEST, 1, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    analyser.feed(RESPONSE, 2, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(body) // 4))
    (event,) = analyser.feed(RESPONSE, 3, body[: len(body) // 4])

    assert event.kind is EventKind.ENDED
    assert event.exchange.outcome is Outcome.MALFORMED


def test_names_are_short_or_not_kept() -> None:
    body = json.dumps({"model": "m" * 10_000, "stream": True}).encode()
    analyser = ConnectionAnalyser(1)
    (event,) = analyser.feed(REQUEST, 1, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    assert event.exchange.request_model is None
    assert event.exchange.stream


def test_gaps_between_drains_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmmonitor_sidecar.analyser.progress.GAPS_LIMIT", 100)
    analyser = _asked()
    analyser.feed(RESPONSE, 1, b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    delta = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
    _flood(analyser, RESPONSE, [delta] * 151 + [b"data: [DONE]\n\n"])
    (event,) = analyser.eof(RESPONSE, 999)

    assert len(event.exchange.gaps_ns) == 100
    assert event.exchange.gaps_dropped == 50
