"""A request's messages, whatever API it speaks: the names of the fields tell, and never collide.

Chat (`messages`, Anthropic's `system`), responses (`instructions`, `input`), completions (`prompt`, `inputs`,
`text`, `text_input`), and `documents` as retrieval programs send them. Within a text, what stands between the
tags that such programs write is retrieved, and no longer its author's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.detectors.call_text import readable, spelled
from llmmonitor_sidecar.detectors.said import Message

MESSAGES_LIMIT = 512
"""The last ones of a request."""
_PARTS_LIMIT = 256
_DEPTH_LIMIT = 4

_ORIGINS = {
    "system": Origin.SYSTEM,
    "developer": Origin.SYSTEM,
    "tool": Origin.TOOL,
    "function": Origin.TOOL,
    "ipython": Origin.TOOL,
    "assistant": Origin.ASSISTANT,
    "model": Origin.ASSISTANT,
    "context": Origin.RETRIEVED,
    "document": Origin.RETRIEVED,
}
_PART_ORIGINS = {
    "tool_result": Origin.TOOL,
    "function_call_output": Origin.TOOL,
    "computer_call_output": Origin.TOOL,
    "mcp_call": Origin.TOOL,
    "document": Origin.RETRIEVED,
    "search_result": Origin.RETRIEVED,
    "file_search_call": Origin.RETRIEVED,
    "web_search_tool_result": Origin.RETRIEVED,
}
_CALLS = frozenset({"function_call", "custom_tool_call"})
_NOT_TEXT = frozenset({"image", "image_url", "input_image", "input_audio", "audio", "tool_use", "thinking"})
_TEXT_KEYS = ("text", "content", "output", "source", "data", "title", "results")
_RETRIEVED = re.compile(
    r"<(context|documents?|doc|search_results?|retrieved[a-z_-]*|passages?|source)\b[^<>]{0,200}>(.*?)</\1>",
    re.DOTALL | re.IGNORECASE,
)


class RequestText(msgspec.Struct):
    """Where requests keep their texts; whoever reads a body takes these fields with its own."""

    system: Any = None
    instructions: Any = None
    documents: Any = None
    messages: Any = None
    input: Any = None
    prompt: Any = None
    inputs: Any = None
    text: Any = None
    text_input: Any = None


def messages_of(request: RequestText) -> tuple[Message, ...]:
    """The messages of a request."""
    found = [*_texts(request.system, Origin.SYSTEM), *_texts(request.instructions, Origin.SYSTEM)]
    found += _texts(request.documents, Origin.RETRIEVED)
    found += _turns(request.messages)
    if request.input is not None:
        found += _turns(request.input) if isinstance(request.input, list) else _texts(request.input)
    for plain in (request.prompt, request.inputs, request.text, request.text_input):
        found += _texts(plain)
    return tuple(part for message in found for part in _apart(message))[-MESSAGES_LIMIT:]


def _turns(value: Any) -> Iterator[Message]:
    """Of a list of messages; a list of anything else is one of texts."""
    if not isinstance(value, list):
        return
    for one in value[-MESSAGES_LIMIT:]:
        if not isinstance(one, dict):
            yield from _texts(one)
            continue
        role, kind = one.get("role"), one.get("type")
        origin = _ORIGINS.get(role, Origin.USER) if isinstance(role, str) else Origin.USER
        if role is None and isinstance(kind, str):
            origin = _PART_ORIGINS.get(kind, origin)
        yield from _texts(one.get("content", one.get("output")), origin)
        yield from (Message(Origin.ASSISTANT, readable(text)) for text in _called(one) if text)


def _called(turn: dict[str, Any]) -> Iterator[str]:
    """Arguments of the tools that an earlier answer called: said then, and no news now."""
    kind, content, calls = turn.get("type"), turn.get("content"), turn.get("tool_calls")
    if isinstance(kind, str) and kind in _CALLS:
        yield spelled(turn.get("arguments", turn.get("input")))
    for call in calls[:_PARTS_LIMIT] if isinstance(calls, list) else ():
        if isinstance(call, dict):
            asked = call.get("function", call.get("custom"))
            if isinstance(asked, dict):
                yield spelled(asked.get("arguments", asked.get("input")))
    for part in content[:_PARTS_LIMIT] if isinstance(content, list) else ():
        if isinstance(part, dict) and part.get("type") == "tool_use":
            yield spelled(part.get("input"))


def _texts(value: Any, origin: Origin = Origin.USER, depth: int = 0) -> Iterator[Message]:
    """Every text in a content, of the origin that its part says."""
    if isinstance(value, str):
        if value:
            yield Message(origin, value)
    elif depth >= _DEPTH_LIMIT:
        return
    elif isinstance(value, list):
        for one in value[:_PARTS_LIMIT]:
            yield from _texts(one, origin, depth + 1)
    elif isinstance(value, dict):
        kind = value.get("type")
        if kind in _NOT_TEXT or kind == "base64":
            return
        own = _PART_ORIGINS.get(kind, origin) if isinstance(kind, str) else origin
        for key in _TEXT_KEYS:
            if key in value:
                yield from _texts(value[key], own, depth + 1)


def _apart(message: Message) -> Iterator[Message]:
    """The message itself, or its own text and what was retrieved into it."""
    if message.origin not in (Origin.USER, Origin.SYSTEM) or "</" not in message.text:
        yield message
        return
    end = 0
    for found in _RETRIEVED.finditer(message.text):
        if found.group(2).strip():
            before = message.text[end : found.start()]
            if before.strip():
                yield Message(message.origin, before)
            yield Message(Origin.RETRIEVED, found.group(2))
            end = found.end()
    rest = message.text[end:]
    if rest.strip() or not end:
        yield Message(message.origin, rest)
