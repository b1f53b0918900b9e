"""What objectives on first content and on gaps are judged by, in the words of each dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmmonitor_sidecar.analyser.connection import ConnectionAnalyser
from llmmonitor_sidecar.analyser.exchange import Exchange

REQUEST, RESPONSE = 0, 1
CHAT, MESSAGES, RESPONSES, OLLAMA = "/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/chat"


def streamed(path: str, *pieces: dict[str, Any], at: tuple[int, ...] = ()) -> Exchange:
    """A stream in flight, one piece each at its time."""
    analyser = ConnectionAnalyser(1)
    body = json.dumps({"model": "m", "stream": True}).encode()
    head = f"POST {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    (event,) = analyser.feed(REQUEST, 500, head + body)
    lines = path == OLLAMA
    kind = b"application/x-ndjson" if lines else b"text/event-stream"
    analyser.feed(RESPONSE, 900, b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\n\r\n")
    for number, piece in enumerate(pieces):
        data = json.dumps(piece).encode()
        line = data + b"\n" if lines else b"data: " + data + b"\n\n"
        analyser.feed(RESPONSE, at[number] if at else 1000 + number, line)
    return event.exchange


def delta(**said: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "delta": said, "finish_reason": None}]}


def call(name: str) -> list[dict[str, Any]]:
    return [{"index": 0, "function": {"name": name, "arguments": "{}"}}]


@pytest.mark.parametrize(
    ("path", "piece", "calls"),
    [
        (CHAT, delta(tool_calls=call("look_up")), True),
        (CHAT, delta(function_call={"name": "look_up"}), True),
        (CHAT, delta(reasoning_content="Hm"), False),
        (CHAT, delta(content="Yes", tool_calls=[]), False),
        (MESSAGES, {"type": "content_block_start", "content_block": {"type": "tool_use"}}, True),
        (MESSAGES, {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Yes"}}, False),
        (RESPONSES, {"type": "response.function_call_arguments.delta", "delta": "{"}, True),
        (RESPONSES, {"type": "response.mcp_call_arguments.delta", "delta": "{"}, True),
        (RESPONSES, {"type": "response.custom_tool_call_input.delta", "delta": "x"}, True),
        (RESPONSES, {"type": "response.output_text.delta", "delta": "Yes"}, False),
        (OLLAMA, {"model": "m", "message": {"tool_calls": [{"function": {}}]}, "done": False}, True),
        (OLLAMA, {"model": "m", "message": {"thinking": "Hm"}, "done": False}, False),
    ],
)
def test_a_tool_that_is_called_is_seen_while_the_stream_runs(
    path: str, piece: dict[str, Any], *, calls: bool
) -> None:
    exchange = streamed(path, piece)

    assert exchange.first_token_ns, "it is output"
    assert exchange.calls_tool is calls


def test_the_longest_gap_is_known_though_gaps_were_drained() -> None:
    exchange = streamed(CHAT, *[delta(content="a")] * 3, at=(1000, 1400, 1500))
    exchange.gaps_ns.clear()

    assert exchange.longest_gap_ns == 400
