"""From `models` and `operations` of a spec, over bytes on a wire, to what a person reads."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.operator.conftest import START, monitor_with

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.report import Identity, InterceptionState, Live, Report, decode, encode
from llmmonitor_operator.configure import first_configuration
from llmmonitor_operator.evaluate import Environment, evaluate
from llmmonitor_operator.gather.absorb import absorb
from llmmonitor_operator.state import State
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.tee import REQUEST, RESPONSE, CloseReason, Kind, TeeRecord

SECOND = 1_000_000_000


def spoken(connection: int, path: str, model: str, answer: dict[str, Any]) -> list[TeeRecord]:
    """A request and its answer, which took a second."""
    asked, told = msgspec.json.encode({"model": model}), msgspec.json.encode(answer)
    head = f"POST {path} HTTP/1.1\r\nHost: m\r\nContent-Length: {len(asked)}\r\n\r\n".encode()
    status = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(told)}\r\n\r\n"
    return [
        TeeRecord(Kind.OPEN, connection, REQUEST, SECOND, b""),
        TeeRecord(Kind.DATA, connection, REQUEST, SECOND, head + asked),
        TeeRecord(Kind.DATA, connection, RESPONSE, 2 * SECOND, status.encode() + told),
        TeeRecord(Kind.CLOSE, connection, REQUEST, 2 * SECOND, CloseReason.EOF),
    ]


def chat(connection: int, model: str) -> list[TeeRecord]:
    choice = {"index": 0, "message": {"content": "yes"}, "finish_reason": "stop"}
    return spoken(connection, "/v1/chat/completions", model, {"model": model, "choices": [choice]})


def embedding(connection: int) -> list[TeeRecord]:
    return spoken(connection, "/v1/embeddings", "e5", {"model": "e5", "data": []})


@pytest.mark.parametrize(
    ("scope", "good"),
    [
        ({}, 3),
        ({"models": ["meta-llama/*"]}, 2),
        ({"models": ["meta-llama/Llama-3.1-8B"]}, 1),
        ({"models": ["e5"]}, 0),
        ({"operations": ["embeddings"]}, 2),
        ({"operations": ["embeddings", "chat"]}, 5),
        ({"operations": ["embeddings", "chat"], "models": ["e5", "mistral"]}, 3),
        ({"operations": ["text_completion"]}, 0),
    ],
)
def test_what_is_asked_for_is_what_is_counted(scope: dict[str, list[str]], good: int) -> None:
    objective = {"name": "quick", "signal": "RequestDuration", "threshold": "5s", "target": "90%", **scope}
    monitor = monitor_with(performance={"objectives": [objective]})
    reader = TrafficReader()
    reader.configure(msgspec.json.decode(first_configuration(monitor), type=Configuration))

    reader.take(chat(1, "meta-llama/Llama-3.1-8B") + chat(2, "meta-llama/Llama-3.1-70B") + chat(3, "mistral"))
    reader.take(embedding(4) + embedding(5))

    identity = Identity("uid", "chat-0", "boot", START, 1, "0.1.0", 1)
    path = InterceptionState("transparent", reading=True)
    report = Report(identity, START + 9, 9.0, reader.totals, Live(), path)
    state = absorb(State(), decode(encode(report)), START + 9)
    status = evaluate(monitor, state, START + 9, Environment(cluster=False)).status
    (told,) = status["objectives"]
    assert told["good"] == good
    assert told.get("models", []) == sorted(scope.get("models", []))
