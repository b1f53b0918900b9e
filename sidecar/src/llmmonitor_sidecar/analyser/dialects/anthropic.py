"""Anthropic's messages API, as Anthropic, vLLM, SGLang and llama.cpp speak it.

A stream is `message_start`, content blocks each with start, deltas and stop, `message_delta` with the stop
reason and the output tokens in all, `message_stop`; `ping` in between, `error` instead. Blocks follow one
another in one message, so there is one choice. `input_tokens` leaves out those read from and written to the
prompt cache, which are prompt tokens all the same.
"""

from __future__ import annotations

from typing import Any

import msgspec

from llmmonitor_sidecar.analyser.dialects.chunk_template import ChunkTemplate
from llmmonitor_sidecar.analyser.dialects.openai_chat import read_request
from llmmonitor_sidecar.analyser.dialects.route import Answer, Route
from llmmonitor_sidecar.analyser.json_reading import Count, JsonReader, Name
from llmmonitor_sidecar.analyser.progress import Progress
from llmmonitor_sidecar.detectors.call_text import spelled


class _Usage(msgspec.Struct):
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None


class _Part(msgspec.Struct):
    """A content block or a delta of one: what it holds says what it is."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    input: Any = None
    """Of a tool call that is no stream."""


class _Message(msgspec.Struct):
    id: Name | None = None
    model: Name | None = None
    usage: _Usage | None = None


class _Event(msgspec.Struct):
    """An event of a stream, and a whole message, which has the same fields where they overlap."""

    type: str | None = None
    index: Count = 0
    """Of the content block."""
    message: _Message | None = None
    delta: _Part | None = None
    content_block: _Part | None = None
    usage: _Usage | None = None
    error: Any = None
    id: Name | None = None
    model: Name | None = None
    content: list[_Part] | None = None
    stop_reason: str | None = None


_read = JsonReader(_Event)
_read_usage = JsonReader(_Usage)


class AnthropicAnswer(Answer):
    """Reads answers of the messages API."""

    __slots__ = ("_template",)

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._template = ChunkTemplate()

    def event(self, name: bytes, data: bytes, at_ns: int) -> None:
        """Take one event; its type stands in the data too, where proxies that drop names leave it."""
        if self._template.match(data) >= 0:
            self.progress.output(0, at_ns)
            if self.progress.exchange.said is not None:
                self.progress.exchange.said.answer_spelled(0, self._template.text(data))
            return
        event = _read(data)
        kind = event.type or name.decode("latin-1")
        if kind == "content_block_delta" and event.delta is not None:
            self.progress.call(0, event.index, event.delta.partial_json)
            self._take_delta(event.delta, data, at_ns)
        elif kind == "content_block_start" and event.content_block is not None:
            if event.content_block.type in ("tool_use", "server_tool_use"):
                self.progress.exchange.calls_tool = True
                self.progress.output(0, at_ns, content=False)
        elif kind == "message_start" and event.message is not None:
            self.progress.exchange.response_model = event.message.model
            self.progress.exchange.response_id = event.message.id or None
            self._take_usage(event.message.usage, final=False)
        elif kind == "message_delta":
            self.progress.finish(0, event.delta.stop_reason if event.delta else None)
            self._take_usage(event.usage, final=True)
        elif kind == "message_stop":
            self.complete = True
        elif kind == "error":
            self.fail(event.error)

    def _take_delta(self, delta: _Part, data: bytes, at_ns: int) -> None:
        if delta.text or delta.thinking or delta.partial_json:
            self.progress.output(0, at_ns, content=bool(delta.text))
            self.progress.say(0, delta.text)
            if not (delta.thinking or delta.partial_json):
                self._template.learn(data, b'"text"', delta.text, 0, content=True)

    def body(self, data: bytes) -> None:
        """Take a whole message."""
        message = _read(data)
        if message.error is not None:
            self.fail(message.error)
            return
        self.progress.exchange.response_model = message.model
        self.progress.exchange.response_id = message.id or None
        self.progress.whole(0, has_output=any(_says_something(part) for part in message.content or ()))
        for place, part in enumerate(message.content or ()):
            self.progress.say(0, part.text)
            self.progress.call(0, place, spelled(part.input))
        self.progress.finish(0, message.stop_reason)
        self._take_usage(message.usage, final=True)

    def usage(self, data: bytes) -> None:
        """Take the usage of an answer too long to be kept."""
        self._take_usage(_read_usage(data), final=True)

    def _take_usage(self, usage: _Usage | None, *, final: bool) -> None:
        if usage is None:
            return
        if usage.input_tokens is not None:
            cached = usage.cache_read_input_tokens or 0
            written = usage.cache_creation_input_tokens or 0
            self.progress.prompt(usage.input_tokens + cached + written, cached)
        if final:  # at the start of a stream it holds a first guess
            self.progress.completion(usage.output_tokens)


def _says_something(part: _Part) -> bool:
    return bool(part.text or part.thinking or part.type in ("tool_use", "server_tool_use"))


ROUTES = {
    "v1/messages": Route(
        "/v1/messages", "anthropic", "chat", generates=True, request=read_request, answer=AnthropicAnswer
    ),
    "messages/count_tokens": Route("/v1/messages/count_tokens", "anthropic"),
}
