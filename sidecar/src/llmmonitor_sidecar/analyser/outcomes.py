"""What a status code or an error object says about whose fault it was, in a bounded set of words.

Error objects differ by engine: `{"error": {"message", "type", "code"}}` (OpenAI, llama.cpp, vLLM),
`{"object": "error", "message", "type", "code"}` (older vLLM, SGLang), `{"type": "error", "error": {"type"}}`
(Anthropic), `{"error": "...", "error_type": "..."}` (TGI), `{"error": "..."}` (Ollama, Triton),
`{"detail": ...}` (FastAPI).
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from llmmonitor_sidecar.analyser.exchange import Outcome
from llmmonitor_sidecar.analyser.json_reading import JsonReader, NotJson

ERROR_TYPES = frozenset(
    {
        "api_error",
        "authentication_error",
        "BadRequestError",
        "context_length_exceeded",
        "exceed_context_size_error",
        "generation",
        "incomplete_generation",
        "insufficient_quota",
        "InternalServerError",
        "invalid_request_error",
        "NotFoundError",
        "not_found_error",
        "not_supported_error",
        "overloaded",
        "overloaded_error",
        "permission_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "request_too_large",
        "server_error",
        "ServiceUnavailableError",
        "timeout",
        "timeout_error",
        "unavailable_error",
        "validation",
    }
)
"""The servers' own words that are passed on as `error_type`; others become the status or `stream_error`."""

CONTEXT_ERRORS = frozenset({"context_length_exceeded", "exceed_context_size_error"})
"""A request that is longer than the model's context: OpenAI's word, which stands here for others' sentences
too, and llama.cpp's."""
_CONTEXT_STATUSES = frozenset({400, 413, 422})
_MESSAGE_CHARACTERS = 2_000
_TOO_LONG = re.compile(
    r"maximum context|maximum (?:model|input) length|longer than the model's context|context length exceeded"
    r"|exceeds? (?:the )?(?:model's |available |maximum )*context"
    r"|tokens \+ `max_new_tokens` must be|input length.{0,60}exceeds",
    re.IGNORECASE,
)
"""Servers that have no word for it say it (vLLM, SGLang, TGI, Ollama)."""

_OVERLOAD_WORDS = frozenset(
    {"overloaded", "overloaded_error", "rate_limit_error", "rate_limit_exceeded", "ServiceUnavailableError"}
    | {"unavailable_error", "insufficient_quota"}
)
_TIMEOUT_WORDS = frozenset({"timeout", "timeout_error"})
_CLIENT_WORDS = frozenset(
    {"BadRequestError", "NotFoundError", "context_length_exceeded", "exceed_context_size_error", "validation"}
    | {
        "invalid_request_error",
        "not_found_error",
        "request_too_large",
        "permission_error",
        "authentication_error",
    }
)


def outcome_of_status(status: int) -> Outcome:
    """Return the outcome of a complete answer with this status code."""
    if status < 400:  # noqa: PLR2004 - RFC 9110, section 15: the classes of status codes
        return Outcome.OK
    if status in (429, 503, 529):  # 529: not registered; Anthropic's overloaded_error
        return Outcome.OVERLOADED
    if status in (408, 504):
        return Outcome.TIMED_OUT
    return Outcome.CLIENT_ERROR if status < 500 else Outcome.SERVER_ERROR  # noqa: PLR2004 - as above


class _ErrorBody(msgspec.Struct):
    error: Any = None
    type: Any = None
    error_type: Any = None
    code: Any = None
    object: Any = None
    message: Any = None


_read = JsonReader(_ErrorBody)


def error_of_body(data: bytes, status: int) -> str:
    """Return `error_type` for an answer with an error status and this body, JSON or not."""
    try:
        body = _read(data)
    except NotJson:
        return str(status)
    word = _word_of(body.error, body.error_type, body.type, body.code)
    if word not in CONTEXT_ERRORS and status in _CONTEXT_STATUSES and _says_too_long(body):
        return "context_length_exceeded"
    return word or str(status)


def _says_too_long(body: _ErrorBody) -> bool:
    inner = body.error.get("message") if isinstance(body.error, dict) else body.error
    said = (one for one in (inner, body.message) if isinstance(one, str))
    return any(_TOO_LONG.search(one[:_MESSAGE_CHARACTERS]) for one in said)


def outcome_of_stream_error(error: Any, error_type: Any = None, code: Any = None) -> tuple[Outcome, str]:
    """Return outcome and `error_type` for an error object found inside a stream that began with success."""
    word = _word_of(error, error_type, None, code)
    status = _status_of(error, code)
    if word in _TIMEOUT_WORDS:
        outcome = Outcome.TIMED_OUT
    elif word in _OVERLOAD_WORDS:
        outcome = Outcome.OVERLOADED
    elif status:
        outcome = outcome_of_status(status)
    else:
        outcome = Outcome.CLIENT_ERROR if word in _CLIENT_WORDS else Outcome.SERVER_ERROR
    return outcome, word or (str(status) if status else "stream_error")


def _word_of(error: Any, *candidates: Any) -> str | None:
    if isinstance(error, dict):
        candidates = (error.get("code"), error.get("type"), *candidates)
    for candidate in candidates:
        if isinstance(candidate, str) and candidate in ERROR_TYPES:
            return candidate
    return None


def _status_of(error: Any, code: Any) -> int:
    for candidate in (error.get("code") if isinstance(error, dict) else None, code):
        if isinstance(candidate, int) and 400 <= candidate < 600:  # noqa: PLR2004 - as above
            return candidate
    return 0


_FINISH_REASONS = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "word": "stop",
    "completed": "stop",
    "length": "length",
    "limit": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "error": "error",
    "failed": "error",
    "abort": "error",
    "load": "other",
    "unload": "other",
}


def finish_reason(word: str) -> str:
    """Map an engine's finish reason to stop, length, tool_calls, content_filter, error or other."""
    return _FINISH_REASONS.get(word, "other")
