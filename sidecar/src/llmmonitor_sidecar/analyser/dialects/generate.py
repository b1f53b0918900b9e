"""`/generate`, a path that three servers share: told apart by the request's body.

SGLang: `text` or `input_ids` with `sampling_params`; answers have `meta_info` with the counts, streams repeat
the text so far in each event. vLLM's demo server: `prompt`; answers have `text`, a list, streams are lines.
TGI: `inputs` (see `tgi.py`).
"""

from __future__ import annotations

from typing import Any

import msgspec

from llmmonitor_sidecar.analyser.dialects import tgi
from llmmonitor_sidecar.analyser.dialects.route import Answer, Route
from llmmonitor_sidecar.analyser.exchange import Exchange
from llmmonitor_sidecar.analyser.json_reading import Count, JsonReader
from llmmonitor_sidecar.analyser.progress import COUNTED, TOKEN_IDS, Progress


class _Shape(msgspec.Struct):
    inputs: Any = None
    prompt: Any = None
    stream: bool | None = None


class _FinishReason(msgspec.Struct):
    type: str | None = None


class _MetaInfo(msgspec.Struct):
    finish_reason: _FinishReason | None = None
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    cached_tokens: Count | None = None


class _SglangEvent(msgspec.Struct):
    index: Count = 0
    text: str | None = None
    meta_info: _MetaInfo | None = None
    error: Any = None


class _SglangBatch(msgspec.Struct):
    items: list[_SglangEvent] | None = None


class _VllmLine(msgspec.Struct):
    text: list[str] | None = None
    error: Any = None


_read_shape = JsonReader(_Shape)
_read_sglang = JsonReader(_SglangEvent)
_read_batch = JsonReader(_SglangBatch)
_read_vllm = JsonReader(_VllmLine)


def _request(exchange: Exchange, data: bytes) -> None:
    exchange.stream = bool(_read_shape(data).stream)


class SglangAnswer(Answer):
    """Reads answers of SGLang's /generate: `meta_info.completion_tokens` counts up in each event."""

    __slots__ = ("_counts",)

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._counts: dict[int, int] = {}

    def event(self, name: bytes, data: bytes, at_ns: int) -> None:  # noqa: ARG002 - events have no names
        """Take one event."""
        if data == b"[DONE]":
            self.complete = True
            return
        event = _read_sglang(data)
        if event.error is not None:
            self.fail(event.error)
            return
        meta = event.meta_info or _MetaInfo()
        index, counted = event.index, meta.completion_tokens
        before = self._counts.get(index, 0)
        if counted is None:
            if event.text:
                self.progress.output(index, at_ns, 1, COUNTED)
        elif counted > before and (index in self._counts or len(self._counts) < _COUNTED_CHOICES):
            self._counts[index] = counted
            self.progress.output(index, at_ns, counted - before, TOKEN_IDS, content=bool(event.text))
        if event.text and self.progress.exchange.said is not None:
            self.progress.exchange.said.restart(index, event.text)
        self._finish(index, meta)
        self.progress.prompt(meta.prompt_tokens, meta.cached_tokens)
        if self._counts:
            self.progress.completion(sum(self._counts.values()), meta.reasoning_tokens)

    def body(self, data: bytes) -> None:
        """Take a whole answer: one object, or a list of them for several prompts or samples."""
        if data.lstrip()[:1] == b"[":
            answers = _read_batch(b'{"items":' + data + b"}").items or []
        else:
            answers = [_read_sglang(data)]
        prompt = cached = completion = reasoning = 0
        for index, answer in enumerate(answers[:_COUNTED_CHOICES]):
            meta = answer.meta_info or _MetaInfo()
            if answer.error is not None:
                self.fail(answer.error)
            self.progress.whole(index, has_output=bool(answer.text))
            self.progress.say(index, answer.text)
            self._finish(index, meta)
            prompt += meta.prompt_tokens or 0
            cached += meta.cached_tokens or 0
            completion += meta.completion_tokens or 0
            reasoning += meta.reasoning_tokens or 0
        if completion or prompt:
            self.progress.prompt(prompt, cached)
            self.progress.completion(completion, reasoning)

    def _finish(self, index: int, meta: _MetaInfo) -> None:
        if meta.finish_reason is not None:
            self.progress.finish(index, meta.finish_reason.type or "other")


_COUNTED_CHOICES = 128


class VllmDemoAnswer(Answer):
    """Reads answers of vLLM's demo server, which counts nothing: each line repeats prompt and text so far."""

    __slots__ = ()

    def event(self, name: bytes, data: bytes, at_ns: int) -> None:  # noqa: ARG002 - lines have no names
        """Take one line."""
        line = _read_vllm(data)
        for index, text in enumerate(line.text or ()):
            if text:
                self.progress.output(index, at_ns)
                if self.progress.exchange.said is not None:
                    self.progress.exchange.said.restart(index, text)
        self.complete = True  # nothing marks the last line: the end of the message has to do

    def body(self, data: bytes) -> None:
        """Take a whole answer."""
        for index, text in enumerate(_read_vllm(data).text or ()):
            self.progress.whole(index, has_output=bool(text))
            self.progress.say(index, text)


_SGLANG = Route(
    "/generate", "sglang", "text_completion", generates=True, request=_request, answer=SglangAnswer
)
_VLLM = Route(
    "/generate",
    "vllm",
    "text_completion",
    generates=True,
    request=_request,
    answer=VllmDemoAnswer,
    streams_lines=True,
)


def _refine(data: bytes) -> Route:
    shape = _read_shape(data)
    if shape.inputs is not None:
        return tgi.GENERATE
    return _VLLM if shape.prompt is not None else _SGLANG


ROUTES = {
    "generate": Route("/generate", "http", "text_completion", generates=True, refine=_refine),
}
