"""Text Generation Inference's own API: /generate and /generate_stream.

A stream has one event per token, with its id; the last has `generated_text` and, when asked for,
`details.generated_tokens`. Errors come as `{"error": ..., "error_type": ...}`, in a stream as an event.
"""

from __future__ import annotations

from typing import Any

import msgspec

from llmmonitor_sidecar.analyser.dialects.route import Answer, Route
from llmmonitor_sidecar.analyser.exchange import Exchange
from llmmonitor_sidecar.analyser.json_reading import Count, JsonReader, Skipped
from llmmonitor_sidecar.analyser.progress import TOKEN_IDS


class _Request(msgspec.Struct):
    stream: bool | None = None


class _Token(msgspec.Struct):
    text: str | None = None
    special: bool | None = None


class _Details(msgspec.Struct):
    finish_reason: str | None = None
    generated_tokens: Count | None = None
    input_length: Count | None = None
    prefill: list[Skipped] | None = None


class _Event(msgspec.Struct):
    token: _Token | None = None
    generated_text: str | None = None
    details: _Details | None = None
    error: Any = None
    error_type: Any = None


_read_request = JsonReader(_Request)
_read_event = JsonReader(_Event)


def _request(exchange: Exchange, data: bytes) -> None:
    exchange.stream = bool(_read_request(data).stream)


def _stream_request(exchange: Exchange, data: bytes) -> None:  # noqa: ARG001 - the path says all
    exchange.stream = True


class TgiAnswer(Answer):
    """Reads answers of /generate and /generate_stream."""

    __slots__ = ()

    def event(self, name: bytes, data: bytes, at_ns: int) -> None:  # noqa: ARG002 - events have no names
        """Take one event."""
        event = _read_event(data)
        if event.error is not None:
            self.fail(event.error, event.error_type)
            return
        token = event.token
        if token is not None:
            self.progress.output(0, at_ns, 1, TOKEN_IDS, content=bool(token.text) and not token.special)
            if not token.special:
                self.progress.say(0, token.text)
        if event.generated_text is not None:
            self._finish(event)

    def body(self, data: bytes) -> None:
        """Take a whole answer."""
        answer = _read_event(data)
        if answer.error is not None:
            self.fail(answer.error, answer.error_type)
            return
        self.progress.whole(0, has_output=bool(answer.generated_text))
        self.progress.say(0, answer.generated_text)
        self._finish(answer)

    def _finish(self, event: _Event) -> None:
        self.complete = True
        details = event.details
        if details is not None:
            self.progress.finish(0, details.finish_reason)
            self.progress.completion(details.generated_tokens)
            self.progress.prompt(details.input_length or (len(details.prefill) if details.prefill else None))


GENERATE = Route("/generate", "tgi", "text_completion", generates=True, request=_request, answer=TgiAnswer)
ROUTES = {
    "generate_stream": Route(
        "/generate_stream",
        "tgi",
        "text_completion",
        generates=True,
        request=_stream_request,
        answer=TgiAnswer,
    ),
}
