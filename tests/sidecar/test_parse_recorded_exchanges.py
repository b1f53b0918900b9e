"""Recorded exchanges give the server's own counts, however their bytes are split."""

from __future__ import annotations

import gc
import json
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmmonitor_sidecar.analyser.connection import ConnectionAnalyser
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome, TokenSource
from llmmonitor_sidecar.analyser.http1 import MessageReader

FIXTURES = Path(__file__).parent / "fixtures" / "exchanges"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.json"))
REQUEST, RESPONSE = 0, 1


def _bytes_of(name: str) -> tuple[bytes, bytes]:
    return (FIXTURES / f"{name}.request").read_bytes(), (FIXTURES / f"{name}.response").read_bytes()


def _pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    bounds = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[a:b] for a, b in pairwise(bounds) if a != b]


def _play(requests: list[bytes], responses: list[bytes]) -> list[ExchangeEvent]:
    """Everything at one instant, so that only the split can make a difference."""
    analyser = ConnectionAnalyser(7)
    events = []
    for piece in requests:
        events += analyser.feed(REQUEST, 1_000, piece)
    for piece in responses:
        events += analyser.feed(RESPONSE, 2_000, piece)
    events += analyser.eof(REQUEST, 3_000)
    events += analyser.eof(RESPONSE, 3_000)
    events += analyser.close("eof", 3_000)
    return events


def _facts(exchange: Exchange) -> dict[str, Any]:
    facts = asdict(exchange)
    facts["choices"] = dict(sorted(facts["choices"].items()))
    return facts


@pytest.mark.parametrize("name", NAMES)
def test_counts_are_the_servers_own(name: str) -> None:
    request, response = _bytes_of(name)
    expected = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))["exchange"]

    events = _play([request], [response])

    exchange = events[-1].exchange
    streamed_output = {choice.chunks for choice in exchange.choices.values()} - {0}
    assert exchange.status == expected.pop("status")
    assert exchange.outcome is Outcome(expected.pop("outcome"))
    assert exchange.completion_token_source is TokenSource(expected.pop("completion_token_source"))
    assert list(exchange.finish_reasons) == expected.pop("finish_reasons")
    if "chunks" in expected:
        assert exchange.choices[0].chunks == expected.pop("chunks")
        assert exchange.choices[0].tokens == expected.pop("tokens")
    for field, value in expected.items():
        assert getattr(exchange, field) == value, field
    assert bool(exchange.first_token_ns) == bool(streamed_output)
    assert not exchange.empty
    kinds = [event.kind for event in events]
    first = [EventKind.FIRST_TOKEN] if streamed_output else []
    assert kinds == [EventKind.REQUEST_ENDED, *first, EventKind.ENDED]


@pytest.mark.parametrize("name", NAMES)
def test_one_byte_at_a_time_changes_nothing(name: str) -> None:
    request, response = _bytes_of(name)

    whole = _play([request], [response])
    bytewise = _play(
        [request[i : i + 1] for i in range(len(request))], [response[i : i + 1] for i in range(len(response))]
    )

    assert [event.kind for event in bytewise] == [event.kind for event in whole]
    assert _facts(bytewise[-1].exchange) == _facts(whole[-1].exchange)


HEAD = b"HEAD /v1/models HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"


@pytest.mark.parametrize("both", [*map(_bytes_of, NAMES[::12]), HEAD], ids=[*NAMES[::12], "HEAD"])
def test_a_connection_that_ended_leaves_nothing_for_the_collector(both: tuple[bytes, bytes]) -> None:
    request, response = both
    gc.collect()
    gc.disable()
    try:
        _play([request], [response])
        left = [one for one in gc.get_objects() if isinstance(one, MessageReader | ConnectionAnalyser)]
    finally:
        gc.enable()

    assert left == []


CUTS = st.lists(st.integers(0, 60_000), max_size=40)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(NAMES), request_cuts=CUTS, response_cuts=CUTS)
def test_any_split_changes_nothing(name: str, request_cuts: list[int], response_cuts: list[int]) -> None:
    request, response = _bytes_of(name)

    whole = _play([request], [response])
    split = _play(_pieces(request, request_cuts), _pieces(response, response_cuts))

    assert [(event.kind, event.at_ns) for event in split] == [(event.kind, event.at_ns) for event in whole]
    assert _facts(split[-1].exchange) == _facts(whole[-1].exchange)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(st.sampled_from(NAMES), min_size=2, max_size=6), cuts=CUTS, together=st.booleans())
def test_many_on_one_connection_are_as_each_alone(
    names: list[str], cuts: list[int], *, together: bool
) -> None:
    names = [name for name in names if "abort" not in name]
    alone = [_play(*([part] for part in _kept_alive(name)))[-1].exchange for name in names]
    requests, responses = zip(*(_kept_alive(name) for name in names), strict=True) if names else ((), ())

    analyser = ConnectionAnalyser(7)
    events = []
    if together:  # pipelined: every request before the first answer
        for piece in _pieces(b"".join(requests), cuts):
            events += analyser.feed(REQUEST, 1_000, piece)
        for piece in _pieces(b"".join(responses), cuts):
            events += analyser.feed(RESPONSE, 2_000, piece)
    else:
        for request, response in zip(requests, responses, strict=True):
            for piece in _pieces(request, cuts):
                events += analyser.feed(REQUEST, 1_000, piece)
            for piece in _pieces(response, cuts):
                events += analyser.feed(RESPONSE, 2_000, piece)

    ended = [event.exchange for event in events if event.kind is EventKind.ENDED]
    assert [exchange.number for exchange in ended] == list(range(len(names)))
    for one, other in zip(ended, alone, strict=True):
        assert _facts(one) | {"number": 0} == _facts(other)


def _kept_alive(name: str) -> tuple[bytes, bytes]:
    """The recorded bytes without the header that ends the connection after them."""
    request, response = _bytes_of(name)
    return request.replace(b"Connection: close\r\n", b""), response.replace(b"Connection: close\r\n", b"")
