"""llama.cpp's own routes: completion and infill, with token ids and timings.

Each event of a stream has the text and, when asked for, the ids of its `tokens`; the last one (`"stop":
true`) has what the server counted: `tokens_predicted`, `tokens_evaluated` (the prompt, cached part included),
`timings.cache_n`. `tokens_predicted` of earlier ones counts up per slot. Its OpenAI routes are read by
`openai_chat.py`, timings included.
"""

from __future__ import annotations

from typing import Any

import msgspec

from llmmonitor_sidecar.analyser.dialects.openai_chat import read_request
from llmmonitor_sidecar.analyser.dialects.route import Answer, Route
from llmmonitor_sidecar.analyser.json_reading import Count, JsonReader, Name, Skipped
from llmmonitor_sidecar.analyser.progress import COUNTED, LOGPROBS, TOKEN_IDS


class _Timings(msgspec.Struct):
    cache_n: Count | None = None


class _Completion(msgspec.Struct):
    index: Count = 0
    content: str | None = None
    tokens: list[int] | None = None
    completion_probabilities: list[Skipped] | None = None
    stop: bool | None = None
    stop_type: str | None = None
    model: Name | None = None
    tokens_predicted: Count | None = None
    tokens_evaluated: Count | None = None
    timings: _Timings | None = None
    error: Any = None


_read = JsonReader(_Completion)


class CompletionAnswer(Answer):
    """Reads answers of /completion and /infill."""

    __slots__ = ()

    def event(self, name: bytes, data: bytes, at_ns: int) -> None:
        """Take one event."""
        if data == b"[DONE]":
            self.complete = True
            return
        part = _read(data)
        if part.error is not None or name == b"error":
            self.fail(part.error)
            return
        tokens, rank = _tokens_of(part)
        if part.content or (rank == TOKEN_IDS and not part.stop):
            self.progress.output(part.index, at_ns, tokens, rank, content=bool(part.content))
            self.progress.say(part.index, part.content)
        else:
            self.progress.announce(part.index)
        if part.stop:
            self._finish(part)

    def body(self, data: bytes) -> None:
        """Take a whole completion."""
        whole = _read(data)
        if whole.error is not None:
            self.fail(whole.error)
            return
        self.progress.whole(whole.index, has_output=bool(whole.content))
        self.progress.say(whole.index, whole.content)
        self._finish(whole)

    def _finish(self, part: _Completion) -> None:
        if part.model is not None:
            self.progress.exchange.response_model = part.model
        self.progress.finish(part.index, part.stop_type or "other")
        self.progress.prompt(part.tokens_evaluated, part.timings.cache_n if part.timings else None)
        if len(self.progress.exchange.choices) == 1:
            self.progress.completion(part.tokens_predicted)


def _tokens_of(part: _Completion) -> tuple[int, int]:
    if part.tokens:
        return len(part.tokens), TOKEN_IDS
    if part.completion_probabilities:
        return len(part.completion_probabilities), LOGPROBS
    return 1, COUNTED


def _generating(label: str) -> Route:
    return Route(
        label, "llama.cpp", "text_completion", generates=True, request=read_request, answer=CompletionAnswer
    )


ROUTES = {
    "completion": _generating("/completion"),
    "infill": _generating("/infill"),
}
BARE_COMPLETIONS = _generating("/completions")
"""`/completions` without a prefix is llama.cpp's own; `/v1/completions` is OpenAI's."""
