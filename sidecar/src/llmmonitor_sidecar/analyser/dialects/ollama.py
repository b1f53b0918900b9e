"""Ollama's own API: /api/chat and /api/generate, streams of JSON lines unless `"stream": false`.

Each line has a piece of the answer (`message.content`, `message.thinking`, tool calls; or `response`); the
last one (`"done": true`) has `done_reason` and what the server counted: `prompt_eval_count`, `eval_count`. A
prompt served from the cache may leave `prompt_eval_count` out. Its OpenAI routes are read by
`openai_chat.py`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from llmmonitor_sidecar.analyser.dialects.route import Answer, Route
from llmmonitor_sidecar.analyser.exchange import Exchange
from llmmonitor_sidecar.analyser.json_reading import Count, JsonReader, Name, Skipped
from llmmonitor_sidecar.analyser.progress import COUNTED, LOGPROBS, Progress
from llmmonitor_sidecar.detectors.call_text import spelled


class _Request(msgspec.Struct):
    model: Name | None = None
    stream: bool | None = None


class _Function(msgspec.Struct):
    arguments: Any = None


class _ToolCall(msgspec.Struct):
    function: _Function | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Line(msgspec.Struct):
    model: Name | None = None
    message: _Message | None = None
    response: str | None = None
    thinking: str | None = None
    logprobs: list[Skipped] | None = None
    done: bool | None = None
    done_reason: str | None = None
    prompt_eval_count: Count | None = None
    eval_count: Count | None = None
    error: Any = None


_read_request = JsonReader(_Request)
_read_line = JsonReader(_Line)


def _request(exchange: Exchange, data: bytes) -> None:
    request = _read_request(data)
    exchange.request_model = request.model
    exchange.stream = request.stream is not False


def _embed_request(exchange: Exchange, data: bytes) -> None:
    exchange.request_model = _read_request(data).model


class OllamaAnswer(Answer):
    """Reads answers of /api/chat, /api/generate and /api/embed."""

    __slots__ = ("_calls",)

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._calls = 0

    def event(self, name: bytes, data: bytes, at_ns: int) -> None:  # noqa: ARG002 - lines have no names
        """Take one line."""
        line = _read_line(data)
        if line.error is not None:
            self.fail(line.error)
            return
        if line.model is not None:
            self.progress.exchange.response_model = line.model
        visible, any_output = _output_of(line)
        if line.message is not None and line.message.tool_calls:
            self.progress.exchange.calls_tool = True
        self._say(line)
        if any_output:
            entries = len(line.logprobs or ())
            rank = LOGPROBS if entries else COUNTED
            self.progress.output(0, at_ns, entries or 1, rank, content=visible)
        if line.done:
            self._finish(line)

    def body(self, data: bytes) -> None:
        """Take a whole answer."""
        line = _read_line(data)
        if line.error is not None:
            self.fail(line.error)
            return
        self.progress.exchange.response_model = line.model
        self.progress.whole(0, has_output=_output_of(line)[1])
        self._say(line)
        self._finish(line)

    def _say(self, line: _Line) -> None:
        self.progress.say(0, line.response or (line.message.content if line.message else None))
        for call in (line.message.tool_calls if line.message else None) or ():
            if call.function is not None:
                self._calls += 1
                self.progress.call(0, self._calls, spelled(call.function.arguments))

    def _finish(self, line: _Line) -> None:
        self.complete = True
        self.progress.finish(0, line.done_reason or "stop")
        self.progress.prompt(line.prompt_eval_count)
        self.progress.completion(line.eval_count)


def _output_of(line: _Line) -> tuple[bool, bool]:
    """Return whether there is content that a user sees, and whether there is output of any kind."""
    message = line.message or _Message()
    visible = bool(line.response or message.content)
    return visible, visible or bool(line.thinking or message.thinking or message.tool_calls)


ROUTES = {
    "api/chat": Route(
        "/api/chat",
        "ollama",
        "chat",
        generates=True,
        request=_request,
        answer=OllamaAnswer,
        streams_lines=True,
    ),
    "api/generate": Route(
        "/api/generate",
        "ollama",
        "text_completion",
        generates=True,
        request=_request,
        answer=OllamaAnswer,
        streams_lines=True,
    ),
    "api/embed": Route(
        "/api/embed", "ollama", "embeddings", generates=False, request=_embed_request, answer=OllamaAnswer
    ),
    "api/embeddings": Route(
        "/api/embeddings", "ollama", "embeddings", generates=False, request=_embed_request
    ),
    "api/tags": Route("/api/tags", "ollama"),
    "api/ps": Route("/api/ps", "ollama"),
    "api/show": Route("/api/show", "ollama"),
    "api/version": Route("/api/version", "ollama"),
}
