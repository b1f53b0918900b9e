"""OpenAI's responses API, as OpenAI, vLLM, llama.cpp and Ollama speak it.

A stream is typed events; those whose type ends in `.delta` carry output (`response.output_text.delta`,
refusals, reasoning, arguments of calls), the last one (`response.completed`, `.incomplete` or `.failed`)
carries the whole response with its usage. There is one choice.
"""

from __future__ import annotations

from typing import Any

import msgspec

from llmmonitor_sidecar.analyser.dialects.openai_chat import read_request
from llmmonitor_sidecar.analyser.dialects.openai_usage import Usage, read_usage, take_usage
from llmmonitor_sidecar.analyser.dialects.route import Answer, Route
from llmmonitor_sidecar.analyser.json_reading import Count, JsonReader, Name, Skipped
from llmmonitor_sidecar.analyser.progress import COUNTED, LOGPROBS

_VISIBLE = frozenset({"response.output_text.delta", "response.refusal.delta"})
_CALLS = frozenset({"function_call", "custom_tool_call", "mcp_call"})


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Content(msgspec.Struct):
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct):
    type: str | None = None
    content: list[_Content] | None = None
    arguments: str | None = None
    input: str | None = None
    """Of a custom tool, which takes a text."""


class _Response(msgspec.Struct):
    id: Name | None = None
    model: Name | None = None
    status: str | None = None
    usage: Usage | None = None
    incomplete_details: _Incomplete | None = None
    output: list[_Item] | None = None
    error: Any = None


class _Event(msgspec.Struct):
    type: str | None = None
    delta: str | None = None
    output_index: Count = 0
    """Of the item that a delta belongs to."""
    logprobs: list[Skipped] | None = None
    item: _Item | None = None
    response: _Response | None = None
    error: Any = None
    code: Any = None


_read_event = JsonReader(_Event)
_read_response = JsonReader(_Response)


class ResponsesAnswer(Answer):
    """Reads answers of the responses API."""

    __slots__ = ()

    def event(self, name: bytes, data: bytes, at_ns: int) -> None:
        """Take one event."""
        if data == b"[DONE]":
            self.complete = True
            return
        event = _read_event(data)
        kind = event.type or name.decode("latin-1")
        if kind.endswith(".delta"):
            if event.delta:
                tokens = len(event.logprobs or ())
                rank = LOGPROBS if tokens else COUNTED
                if "_call_" in kind:  # function_call_arguments, mcp_call_arguments, custom_tool_call_input
                    self.progress.exchange.calls_tool = True
                    self.progress.call(0, event.output_index, event.delta)
                self.progress.output(0, at_ns, tokens or 1, rank, content=kind in _VISIBLE)
                if kind in _VISIBLE:
                    self._say(event.delta, refused=kind == "response.refusal.delta")
        elif kind in ("response.completed", "response.incomplete", "response.failed", "response.cancelled"):
            self.complete = True
            self._take(event.response or _Response(), kind.removeprefix("response."))
        elif kind == "error" or event.error is not None:
            self.fail(event.error, None, event.code)

    def body(self, data: bytes) -> None:
        """Take a whole response."""
        response = _read_response(data)
        made = any(item.type == "message" or item.type in _CALLS for item in response.output or ())
        self.progress.whole(0, has_output=made)
        for part in (part for item in response.output or () for part in item.content or ()):
            self._say(part.text or part.refusal, refused=bool(part.refusal))
        for place, item in enumerate(response.output or ()):
            if item.type in _CALLS:
                self.progress.call(0, place, item.arguments or item.input)
        self._take(response, response.status or "other")

    def _say(self, text: str | None, *, refused: bool) -> None:
        self.progress.say(0, text)
        if refused and self.progress.exchange.said is not None:
            self.progress.exchange.said.refused = True

    def usage(self, data: bytes) -> None:
        """Take the usage of an answer too long to be kept."""
        take_usage(self.progress, read_usage(data))

    def _take(self, response: _Response, status: str) -> None:
        exchange = self.progress.exchange
        exchange.response_id = response.id or exchange.response_id
        if response.model is not None:
            exchange.response_model = response.model
        if response.usage is not None:
            take_usage(self.progress, response.usage)
        if response.error is not None:
            self.fail(response.error)
        calls = any(item.type in _CALLS for item in response.output or ())
        details = response.incomplete_details
        reason = details.reason if status == "incomplete" and details else None
        self.progress.finish(0, reason or ("tool_calls" if calls and status == "completed" else status))


ROUTES = {
    "v1/responses": Route(
        "/v1/responses", "openai", "chat", generates=True, request=read_request, answer=ResponsesAnswer
    ),
}
