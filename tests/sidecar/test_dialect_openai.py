"""What counts as output in OpenAI's streams, and where exact counts come from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmmonitor_sidecar.analyser import limits
from llmmonitor_sidecar.analyser.connection import ConnectionAnalyser
from llmmonitor_sidecar.analyser.exchange import Exchange, Outcome, TokenSource

REQUEST, RESPONSE = 0, 1
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def _choice(
    delta: dict[str, Any], index: int = 0, finish: str | None = None, **extra: object
) -> dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": finish, **extra}


def _chunk(*choices: dict[str, Any], **extra: object) -> dict[str, Any]:
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
        **extra,
    }


def _stream(*chunks: dict[str, Any] | str, request: dict[str, Any] | None = None) -> Exchange:
    """Play a stream, one chunk each 10 ns from 1000 on; it ends with the connection."""
    body = json.dumps(request or {"model": "m", "stream": True}).encode()
    analyser = ConnectionAnalyser(1)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    (event,) = analyser.feed(REQUEST, 500, head + body)
    analyser.feed(RESPONSE, 900, HEAD)
    for number, chunk in enumerate(chunks):
        data = chunk if isinstance(chunk, str) else json.dumps(chunk, separators=(",", ":"))
        analyser.feed(RESPONSE, 1_000 + 10 * number, f"data: {data}\n\n".encode())
    analyser.eof(RESPONSE, 2_000)
    return event.exchange


STOP = _chunk(_choice({}, finish="stop"))
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


@pytest.mark.parametrize(
    "delta",
    [
        {"role": "assistant"},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": None},
        {"content": ""},
        {"reasoning_content": ""},
        {"tool_calls": []},
        {"tool_calls": None},
        {},
    ],
)
def test_deltas_without_output_are_no_tokens(delta: dict[str, Any]) -> None:
    exchange = _stream(_chunk(_choice(delta)), _chunk(_choice({"content": "a"})), STOP, "[DONE]")

    assert exchange.first_token_ns == 1_010
    assert exchange.completion_tokens == 1


@pytest.mark.parametrize(
    ("delta", "visible"),
    [
        ({"content": "a"}, True),
        ({"refusal": "no"}, True),
        ({"reasoning_content": "hm"}, False),
        ({"reasoning": "hm"}, False),
        ({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": ""}}]}, False),
        ({"function_call": {"name": "f"}}, False),
        ({"audio": {"data": "x"}}, False),
    ],
)
def test_output_of_any_kind_is_the_first_token(delta: dict[str, Any], *, visible: bool) -> None:
    exchange = _stream(_chunk(_choice(delta)), _chunk(_choice({"content": "b"})), STOP, "[DONE]")

    assert exchange.first_token_ns == 1_000
    assert exchange.first_content_ns == (1_000 if visible else 1_010)


def test_counted_deltas_are_a_lower_bound_and_say_so() -> None:
    exchange = _stream(
        _chunk(_choice({"content": "a b c"})), _chunk(_choice({"content": "d"})), STOP, "[DONE]"
    )

    assert (exchange.completion_tokens, exchange.completion_token_source) == (2, TokenSource.COUNTED)
    assert not exchange.completion_token_source.exact


def test_usage_is_the_servers_word() -> None:
    details = {
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    exchange = _stream(_chunk(_choice({"content": "a"})), STOP, _chunk(usage=USAGE | details), "[DONE]")

    assert (exchange.prompt_tokens, exchange.completion_tokens) == (11, 7)
    assert (exchange.cached_tokens, exchange.reasoning_tokens) == (8, 3)
    assert exchange.prompt_token_source is exchange.completion_token_source is TokenSource.USAGE


def test_usage_in_every_chunk_holds_when_the_stream_is_cut() -> None:
    exchange = _stream(
        _chunk(_choice({"content": "a b"}), usage=USAGE | {"completion_tokens": 2}),
        _chunk(_choice({"content": "c d e"}), usage=USAGE | {"completion_tokens": 5}),
    )

    assert exchange.outcome is Outcome.CUT_OFF
    assert (exchange.completion_tokens, exchange.completion_token_source) == (5, TokenSource.USAGE)


def test_logprobs_count_tokens() -> None:
    entries = [{"token": "a", "logprob": -0.1}, {"token": "b", "logprob": -0.1}]
    exchange = _stream(
        _chunk(_choice({"content": "ab"}, logprobs={"content": entries})),
        _chunk(_choice({"content": "c"}, logprobs={"content": entries[:1]})),
        STOP,
        "[DONE]",
    )

    assert (exchange.completion_tokens, exchange.completion_token_source) == (3, TokenSource.LOGPROBS)
    assert exchange.choices[0].tokens_in_first_chunk == 2


def test_token_ids_count_even_without_text() -> None:
    exchange = _stream(
        _chunk(_choice({"content": ""}, token_ids=[1, 2])),
        _chunk(_choice({"content": "ab"}, token_ids=[3])),
        STOP,
        "[DONE]",
    )

    assert (exchange.completion_tokens, exchange.completion_token_source) == (3, TokenSource.TOKEN_IDS)
    assert (exchange.first_token_ns, exchange.first_content_ns) == (1_000, 1_010)


def test_one_chunk_without_ids_makes_the_sum_a_lower_bound() -> None:
    exchange = _stream(
        _chunk(_choice({"content": "a"}, token_ids=[1])), _chunk(_choice({"content": "b"})), STOP, "[DONE]"
    )

    assert exchange.completion_token_source is TokenSource.COUNTED


def test_choices_interleave_each_with_its_own_gaps() -> None:
    exchange = _stream(
        _chunk(_choice({"role": "assistant"}), _choice({"role": "assistant"}, 1)),
        _chunk(_choice({"content": "a"})),
        _chunk(_choice({"content": "x"}, 1)),
        _chunk(_choice({"content": "b"})),
        _chunk(_choice({"content": "c"}), _choice({"content": "y"}, 1)),
        _chunk(_choice({}, 1, "length")),
        _chunk(_choice({}, 0, "stop")),
        "[DONE]",
    )

    assert {index: choice.tokens for index, choice in exchange.choices.items()} == {0: 3, 1: 2}
    assert exchange.choices[1].first_token_ns == 1_020
    assert sorted(exchange.gaps_ns) == [10, 20, 20]
    assert exchange.finish_reasons == ("stop", "length")


def test_a_choice_that_never_ended_leaves_the_answer_incomplete() -> None:
    exchange = _stream(
        _chunk(_choice({"content": "a"})),
        _chunk(_choice({"content": "x"}, 1)),
        _chunk(_choice({}, 0, "stop")),
    )

    assert exchange.outcome is Outcome.CUT_OFF


def test_choices_are_bounded() -> None:
    exchange = _stream(
        *(_chunk(_choice({"content": "a"}, index)) for index in range(limits.CHOICES + 50)), "[DONE]"
    )

    assert len(exchange.choices) == limits.CHOICES
    assert exchange.completion_tokens == limits.CHOICES + 50


@pytest.mark.parametrize(
    "odd",
    [
        "not json",
        '{"choices":7}',
        '{"choices":[7]}',
        '{"choices":[{"index":"x","delta":[]}]}',
        '{"choices":[{"index":-1,"delta":{"content":5}}]}',
        "[]",
        "null",
        '{"choices":null,"usage":null}',
        '{"model":["m"],"choices":[],"usage":{"prompt_tokens":"many"}}',
        '{"choices":[],"usage":{"completion_tokens":-4}}',
    ],
)
def test_an_odd_event_loses_no_others(odd: str) -> None:
    exchange = _stream(
        _chunk(_choice({"content": "a"})),
        odd,
        _chunk(_choice({"content": "b"})),
        STOP,
        _chunk(usage=USAGE),
        "[DONE]",
    )

    assert exchange.outcome is Outcome.OK
    assert exchange.choices[0].tokens == 2
    assert exchange.completion_tokens == 7


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "naïve 😀",
        "\n",
        "a\\",
        'say "x"',
        "\\\\",
        '"',
        "</think>",
        "x" * 5_000,
        '","finish_reason":"stop"',
        "\\u0041",
    ],
)
@pytest.mark.parametrize("key", ["content", "reasoning_content"])
def test_the_short_way_counts_what_the_long_one_does(text: str, key: str) -> None:
    texts = ["a", "b", text, "c", text, text, "d"]
    exchange = _stream(
        *(_chunk(_choice({key: part})) for part in texts), _chunk(_choice({key: ""})), STOP, "[DONE]"
    )

    assert exchange.choices[0].chunks == len(texts)
    assert exchange.finish_reasons == ("stop",)
    assert exchange.gaps_ns == [10] * (len(texts) - 1)


def test_a_chunk_that_only_looks_alike_is_read_in_full() -> None:
    exchange = _stream(
        _chunk(_choice({"content": "a"})),
        _chunk(_choice({"content": "b"})),
        json.dumps(_chunk(_choice({"content": "c"})), separators=(",", ":")).replace(
            '"c"', '"c","tool_calls":[{}],"x":"y"'
        ),
        _chunk(_choice({"content": "d"}), usage=USAGE),
        _chunk(_choice({"content": "e"}, finish="length")),
        "[DONE]",
    )

    assert exchange.choices[0].chunks == 5
    assert exchange.completion_tokens == 7
    assert exchange.finish_reasons == ("length",)


def test_a_chunk_alike_whose_text_never_ends_is_not_taken_for_output() -> None:
    texts = [json.dumps(_chunk(_choice({"content": text})), separators=(",", ":")) for text in "abC"]
    exchange = _stream(
        *texts[:2], texts[2].replace('"C"', '"c\\"'), _chunk(_choice({"content": "d"})), STOP, "[DONE]"
    )

    assert exchange.choices[0].chunks == 3
    assert exchange.malformed_reason == "event_bad_json"


def test_the_request_is_known_before_the_answer() -> None:
    body = b'{"stream":true,"model":"m","messages":[{"role":"user","content":"\\"model\\":\\"x\\""}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    (event,) = ConnectionAnalyser(1).feed(REQUEST, 1, head + body)

    assert (event.exchange.request_model, event.exchange.stream) == ("m", True)
    assert (event.exchange.operation, event.exchange.generates) == ("chat", True)


def test_a_stream_that_was_answered_whole_is_none() -> None:
    body = b'{"model":"m","stream":true}'
    analyser = ConnectionAnalyser(1)
    analyser.feed(REQUEST, 1, b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 27\r\n\r\n" + body)
    answer = json.dumps(
        {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": USAGE}
    ).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
    (event,) = analyser.feed(RESPONSE, 2, head + answer)

    assert not event.exchange.stream
    assert event.exchange.completion_tokens == 7


def test_an_error_object_with_a_status_of_success_is_an_error() -> None:
    analyser = ConnectionAnalyser(1)
    analyser.feed(REQUEST, 1, b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    answer = b'{"error":{"message":"no","code":503}}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer)
    (event,) = analyser.feed(RESPONSE, 2, head + answer)

    assert (event.exchange.outcome, event.exchange.error_type) == (Outcome.OVERLOADED, "503")
