"""Whether what a model wrote for a program can be read by one: arguments of tool calls, and JSON asked for.

Kept only while its exchange goes on, and only where there is such output; what is longer than
limits.OUTPUT_FORM_BYTES is given up and not judged, and neither is what was cut at a length limit (that is
a truncation), nor arguments that are empty, which some servers send for a function that takes none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from llmmonitor_sidecar.analyser import limits
from llmmonitor_sidecar.analyser.exchange import ChoiceProgress

K = TypeVar("K")
TOOL_CALL, JSON = "tool_call", "json"
_WHOLE = ("stop", "tool_calls")
"""Reasons why a choice ended by itself."""
_NO_JSON = object()


class OutputForm:
    """Gathers the pieces of one exchange."""

    __slots__ = ("_arguments", "_content", "_given_up", "_size", "wants_json")

    def __init__(self, *, wants_json: bool) -> None:
        self.wants_json = wants_json
        self._content: dict[int, bytearray] = {}
        self._arguments: dict[tuple[int, int], bytearray] = {}
        """By choice and call."""
        self._size = 0
        self._given_up = False

    @property
    def kept_bytes(self) -> int:
        """Of text."""
        return self._size

    def content(self, choice: int, text: str) -> None:
        """A piece of what choice `choice` said, of an exchange that asked for JSON."""
        if self.wants_json:
            self._keep(self._content, choice, text)

    def arguments(self, choice: int, call: int, text: str) -> None:
        """A piece of the arguments of a tool call."""
        self._keep(self._arguments, (choice, call), text)

    def judged(self, choices: Mapping[int, ChoiceProgress]) -> tuple[tuple[str, bool], ...]:
        """Of each kind that there was: whether all of it is well formed."""
        ended = {index for index, choice in choices.items() if choice.finish_reason in _WHOLE}
        calling = {choice for choice, _ in self._arguments}
        calls = [text for (choice, _), text in self._arguments.items() if choice in ended]
        said = [text for choice, text in self._content.items() if choice in ended - calling]
        found = [
            (TOOL_CALL, [isinstance(value, dict) for value in _values(calls)]),
            (JSON, [value is not _NO_JSON for value in _values(said)]),
        ]
        return tuple((kind, all(well_formed)) for kind, well_formed in found if well_formed)

    def _keep(self, kept: dict[K, bytearray], key: K, text: str) -> None:
        if self._given_up:
            return
        piece = text.encode("utf-8", "replace")  # halves of a surrogate pair stand within strings alone
        self._size += len(piece)
        if self._size > limits.OUTPUT_FORM_BYTES or (key not in kept and len(kept) >= limits.CHOICES):
            self._content.clear()
            self._arguments.clear()
            self._size, self._given_up = 0, True
        elif key in kept:
            kept[key] += piece
        else:
            kept[key] = bytearray(piece)


def _values(texts: Iterable[bytearray]) -> list[object]:
    """Of those that are not empty."""
    return [_value(text) for text in texts if text.strip()]


def _value(text: bytearray) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _NO_JSON
