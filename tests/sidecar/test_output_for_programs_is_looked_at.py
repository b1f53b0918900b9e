"""Tool calls' arguments and JSON that was asked for: whether a program can read what the model wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.sidecar.test_dialect_openai import HEAD, REQUEST, RESPONSE, _choice, _chunk, _stream

from llmmonitor_api.report.totals import Totals
from llmmonitor_sidecar.analyser import limits
from llmmonitor_sidecar.analyser.connection import ConnectionAnalyser
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent
from llmmonitor_sidecar.signals.models import ModelNames
from llmmonitor_sidecar.signals.traffic import Traffic

JSON_REQUEST = {"model": "m", "stream": True, "response_format": {"type": "json_object"}}


def called(*arguments: str, index: int = 0) -> list[dict[str, Any]]:
    return [
        _chunk(_choice({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}))
        for piece in arguments
    ]


def said(*pieces: str) -> list[dict[str, Any]]:
    return [_chunk(_choice({"content": piece})) for piece in pieces]


def ended(reason: str) -> dict[str, Any]:
    return _chunk(_choice({}, finish=reason))


def whole(message: dict[str, Any], request: dict[str, Any], reason: str = "stop") -> Exchange:
    """An answer that is no stream."""
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": reason}], "model": "m"}
    bodies = [json.dumps(one).encode() for one in (request, answer)]
    analyser = ConnectionAnalyser(1)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
    (event,) = analyser.feed(REQUEST, 500, head % len(bodies[0]) + bodies[0])
    json_head = HEAD.replace(b"text/event-stream\r\n", b"application/json\r\nContent-Length: %d\r\n")
    analyser.feed(RESPONSE, 900, json_head % len(bodies[1]) + bodies[1])
    return event.exchange


@pytest.mark.parametrize(
    ("pieces", "forms"),
    [
        (['{"ci', 'ty": "Bonn"}'], (("tool_call", True),)),
        (['{"ci', 'ty": "Bonn"'], (("tool_call", False),)),
        (['{"city": Bonn}'], (("tool_call", False),)),
        (['["Bonn"]'], (("tool_call", False),)),
        (["", " "], ()),
    ],
)
def test_arguments_come_in_pieces_and_are_an_object(
    pieces: list[str], forms: tuple[tuple[str, bool], ...]
) -> None:
    assert _stream(*called(*pieces), ended("tool_calls"), "[DONE]").forms == forms


def test_one_bad_call_of_two_makes_the_answer_malformed() -> None:
    chunks = [*called('{"a":', index=0), *called("{}", index=1), ended("tool_calls")]

    assert _stream(*chunks).forms == (("tool_call", False),)


@pytest.mark.parametrize(
    ("pieces", "well_formed"), [(['{"a"', ": 1}"], True), (["null"], True), (["Sure! ", "{}"], False)]
)
def test_json_that_was_asked_for_is_looked_at_as_a_whole(pieces: list[str], well_formed: bool) -> None:  # noqa: FBT001
    assert _stream(*said(*pieces), ended("stop"), request=JSON_REQUEST).forms == (("json", well_formed),)


def test_json_in_a_stream_of_equal_chunks_is_not_lost_on_the_short_way() -> None:
    pieces = ["[", *["0,"] * 50, "0", "]"]

    assert _stream(*said(*pieces), ended("stop"), request=JSON_REQUEST).forms == (("json", True),)


def test_what_nobody_asked_for_as_json_is_text() -> None:
    assert _stream(*said("{"), ended("stop")).forms == ()


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_what_was_cut_is_not_malformed(reason: str) -> None:
    assert _stream(*said('{"a'), ended(reason), request=JSON_REQUEST).forms == ()
    assert _stream(*called('{"a'), ended(reason)).forms == ()


def test_a_stream_that_ends_in_the_middle_is_not_malformed() -> None:
    assert _stream(*called('{"a')).forms == ()


def test_a_whole_answer_is_looked_at_too() -> None:
    calls = [{"function": {"name": "f", "arguments": one}} for one in ('{"a": 1}', "{")]

    assert whole({"content": "{}"}, JSON_REQUEST | {"stream": False}).forms == (("json", True),)
    assert whole({"tool_calls": calls}, {"model": "m"}, "tool_calls").forms == (("tool_call", False),)
    assert whole({"content": "hello", "tool_calls": calls[:1]}, JSON_REQUEST).forms == (("tool_call", True),)


def test_what_is_too_long_is_given_up_and_not_judged() -> None:
    piece = "x" * (limits.OUTPUT_FORM_BYTES // 4)

    exchange = _stream(*called('{"a": "', *[piece] * 5), ended("tool_calls"))

    assert exchange.forms == ()


@pytest.mark.parametrize("arguments", [7, {"a": 1}, None, ["{}"]])
def test_arguments_of_another_kind_are_not_judged(arguments: object) -> None:
    chunk = _chunk(_choice({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}))

    exchange = _stream(chunk, ended("tool_calls"))

    assert exchange.forms == ()
    assert exchange.first_token_ns


def test_answers_are_counted_by_kind() -> None:
    totals = Totals()
    traffic = Traffic(totals, ModelNames())
    for pieces in (["{}"], ["{"], ["{"]):
        exchange = _stream(*called(*pieces), ended("tool_calls"))
        traffic.handle(ExchangeEvent(EventKind.ENDED, exchange, 3_000))

    (series,) = totals.traffic.values()
    assert (series.forms_checked, series.forms_malformed) == ({"tool_call": 3}, {"tool_call": 2})
