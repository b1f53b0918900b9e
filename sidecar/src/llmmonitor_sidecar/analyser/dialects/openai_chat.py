"""OpenAI's chat/completions, completions and embeddings, as many servers speak them.

A stream is `chat.completion.chunk` objects and ends with `[DONE]`. What counts as output, and what does not:
content, reasoning (`reasoning_content` or `reasoning`), refusals, tool and function calls are; a delta with a
role alone is not, nor are the empty ones that vLLM sends while it prefills in chunks. Exact counts come from
`usage` (last chunk, or each with vLLM's `continuous_usage_stats`), llama.cpp's `timings`, vLLM's `token_ids`,
or the entries of `logprobs`; else deltas are counted.
"""

from __future__ import annotations

from typing import Any

import msgspec

from llmmonitor_sidecar.analyser.dialects.chunk_template import ChunkTemplate
from llmmonitor_sidecar.analyser.dialects.openai_usage import Usage, read_usage, take_usage
from llmmonitor_sidecar.analyser.dialects.route import Answer, Route
from llmmonitor_sidecar.analyser.exchange import Exchange
from llmmonitor_sidecar.analyser.json_reading import Count, JsonReader, Name, Skipped
from llmmonitor_sidecar.analyser.progress import COUNTED, LOGPROBS, TOKEN_IDS, Progress


class _Format(msgspec.Struct):
    type: Name | None = None


class _Request(msgspec.Struct):
    model: Name | None = None
    stream: bool | None = None
    response_format: _Format | None = None


class _Function(msgspec.Struct):
    arguments: str | None = None


class _Custom(msgspec.Struct):
    input: str | None = None


class _ToolCall(msgspec.Struct):
    index: Count | None = None
    """Of a stream; the calls of a whole answer are numbered by their place."""
    function: _Function | None = None
    custom: _Custom | None = None
    """A tool that takes a text, and no JSON."""


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None
    """What came before `tool_calls`."""
    audio: Skipped | None = None


class _Likely(msgspec.Struct):
    logprob: float | None = None


class _Logprobs(msgspec.Struct):
    content: list[_Likely] | None = None
    refusal: list[_Likely] | None = None
    tokens: list[str] | None = None
    """Of the completions API."""
    token_logprobs: list[float | None] | None = None
    """The same."""


class _Choice(msgspec.Struct):
    index: Count = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None
    token_ids: list[int] | None = None


class _Timings(msgspec.Struct):
    """llama.cpp's own figures."""

    cache_n: Count | None = None
    prompt_n: Count | None = None
    predicted_n: Count | None = None


class _Answer(msgspec.Struct):
    id: Name | None = None
    choices: list[_Choice] | None = None
    model: Name | None = None
    system_fingerprint: Name | None = None
    usage: Usage | None = None
    timings: _Timings | None = None
    error: Any = None
    object: Any = None
    type: Any = None
    code: Any = None


_JSON_FORMATS = ("json_object", "json_schema")
_read_request = JsonReader(_Request)
_read_answer = JsonReader(_Answer)


def read_request(exchange: Exchange, data: bytes) -> None:
    """Take the model and whether a stream is asked for."""
    request = _read_request(data)
    exchange.request_model = request.model
    exchange.stream = bool(request.stream)
    asked = request.response_format
    exchange.wants_json = asked is not None and asked.type in _JSON_FORMATS


class OpenAIAnswer(Answer):
    """Reads answers of chat/completions, completions and embeddings."""

    __slots__ = ("_template",)

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._template = ChunkTemplate()

    def event(self, name: bytes, data: bytes, at_ns: int) -> None:
        """Take one chunk."""
        index = self._template.match(data)
        if index >= 0:
            self.progress.output(index, at_ns, 1, COUNTED, content=self._template.content)
            said = self.progress.exchange.said
            if said is not None and self._template.content:
                said.answer_spelled(index, self._template.text(data))
            return
        if data == b"[DONE]":
            self.complete = True
            return
        chunk = _read_answer(data)
        if chunk.choices is None or name == b"error":
            self._take_error(chunk)
        else:
            for choice in chunk.choices:
                self._take_delta(choice, at_ns)
        self._take_facts(chunk)
        if chunk.choices is not None and len(chunk.choices) == 1 and not chunk.usage and not chunk.timings:
            self._learn(chunk.choices[0], data)

    def body(self, data: bytes) -> None:
        """Take a whole answer."""
        answer = _read_answer(data)
        if answer.choices is None:
            self._take_error(answer)
        for choice in answer.choices or ():
            said = choice.message or _Delta(content=choice.text)
            tokens, rank = _tokens_of(choice)
            known = tokens if rank else 0
            self._take_logprobs(choice.logprobs)
            self.progress.whole(choice.index, has_output=_has_output(said), tokens=known, rank=rank)
            self._take_form(choice.index, said)
            self._take_text(choice.index, said)
            self.progress.finish(choice.index, choice.finish_reason)
        self._take_facts(answer)

    def usage(self, data: bytes) -> None:
        """Take the usage of an answer too long to be kept."""
        take_usage(self.progress, read_usage(data))

    def _take_delta(self, choice: _Choice, at_ns: int) -> None:
        delta = choice.delta or _Delta(content=choice.text)
        tokens, rank = _tokens_of(choice)
        self._take_logprobs(choice.logprobs)
        self._take_form(choice.index, delta)
        if delta.tool_calls or delta.function_call:
            self.progress.exchange.calls_tool = True
        self._take_text(choice.index, delta)
        if _has_output(delta) or rank == TOKEN_IDS:
            self.progress.output(
                choice.index, at_ns, tokens, rank, content=bool(delta.content or delta.refusal)
            )
        elif choice.index not in self.progress.exchange.choices:
            self.progress.announce(choice.index)
        if choice.finish_reason is not None:
            self.progress.finish(choice.index, choice.finish_reason)

    def _take_form(self, index: int, said: _Delta) -> None:
        form = self.progress.form
        if said.content and form.wants_json:
            form.content(index, said.content)
        if said.function_call is not None:
            self.progress.call(index, 0, said.function_call.arguments)
        for place, call in enumerate(said.tool_calls or ()):
            number = place if call.index is None else call.index
            if call.function is not None and call.function.arguments:
                form.arguments(index, number, call.function.arguments)
                self.progress.call(index, number, call.function.arguments)
            elif call.custom is not None:
                self.progress.call(index, number, call.custom.input)

    def _take_text(self, index: int, said: _Delta) -> None:
        self.progress.say(index, said.content or said.refusal)
        if said.refusal and self.progress.exchange.said is not None:
            self.progress.exchange.said.refused = True

    def _take_logprobs(self, given: _Logprobs | None) -> None:
        if given is not None:
            self.progress.likely(one.logprob for one in (*(given.content or ()), *(given.refusal or ())))
            self.progress.likely(given.token_logprobs or ())

    def _take_facts(self, answer: _Answer) -> None:
        exchange = self.progress.exchange
        exchange.response_id = answer.id or exchange.response_id
        if answer.model is not None:
            exchange.response_model = answer.model
        if answer.system_fingerprint is not None:
            exchange.system_fingerprint = answer.system_fingerprint
        usage, timings = answer.usage, answer.timings
        one_choice = len(exchange.choices) <= 1
        if usage is not None:
            # llama.cpp's usage covers one of n choices, and says so by timings that are the same.
            same = timings is not None and timings.predicted_n == usage.completion_tokens
            take_usage(self.progress, usage, partial=same and not one_choice)
        elif timings is not None and one_choice and timings.prompt_n is not None:
            self.progress.prompt(timings.prompt_n + (timings.cache_n or 0), timings.cache_n)
            self.progress.completion(timings.predicted_n)

    def _take_error(self, answer: _Answer) -> None:
        if answer.error is not None:
            self.fail(answer.error)
        elif answer.object == "error":
            self.fail(None, answer.type, answer.code)

    def _learn(self, choice: _Choice, data: bytes) -> None:
        delta = choice.delta
        if choice.finish_reason is not None or choice.logprobs or choice.token_ids is not None:
            return
        if self.progress.form.wants_json:
            return  # all of its text is looked at
        if delta is None:
            self._template.learn(data, b'"text"', choice.text, choice.index, content=True)
        elif not (delta.refusal or delta.tool_calls or delta.function_call or delta.audio):
            if delta.content and not delta.reasoning_content and not delta.reasoning:
                self._template.learn(data, b'"content"', delta.content, choice.index, content=True)
            elif delta.reasoning_content and not delta.content and not delta.reasoning:
                key = b'"reasoning_content"'
                self._template.learn(data, key, delta.reasoning_content, choice.index, content=False)


def _has_output(said: _Delta) -> bool:
    return bool(
        said.content
        or said.reasoning_content
        or said.reasoning
        or said.tool_calls
        or said.refusal
        or said.function_call
        or said.audio
    )


def _tokens_of(choice: _Choice) -> tuple[int, int]:
    """Return how many tokens a choice's delta or message carries, and how well that is known."""
    if choice.token_ids:
        return len(choice.token_ids), TOKEN_IDS
    logprobs = choice.logprobs
    if logprobs is not None:
        entries = len(logprobs.content or ()) + len(logprobs.refusal or ()) or len(logprobs.tokens or ())
        if entries:
            return entries, LOGPROBS
    return 1, COUNTED


_CHAT = Route(
    "/v1/chat/completions", "openai", "chat", generates=True, request=read_request, answer=OpenAIAnswer
)
ROUTES = {
    "chat/completions": _CHAT,
    "completions": Route(
        "/v1/completions",
        "openai",
        "text_completion",
        generates=True,
        request=read_request,
        answer=OpenAIAnswer,
    ),
    "v1/embeddings": Route(
        "/v1/embeddings", "openai", "embeddings", generates=False, request=read_request, answer=OpenAIAnswer
    ),
    "v1/models": Route("/v1/models", "openai"),
}
