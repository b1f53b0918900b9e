"""The arguments of a tool call as text for detectors: a line for each value, its key before it.

Arguments are JSON, whose escapes would hide words from detectors, and whose keys tell what a value is
(`password: ...`). What is no JSON, or was cut off, is read as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

import msgspec

_DEPTH_LIMIT = 8
_VALUES_LIMIT = 4_096


def readable(arguments: str) -> str:
    """`key: value` for each value at any depth; `arguments` themselves where they can't be read."""
    try:
        lines = _lines("", msgspec.json.decode(arguments), 0)
        return "\n".join(islice(lines, _VALUES_LIMIT))
    except (msgspec.MsgspecError, ValueError, RecursionError):  # a number of 5,000 digits is a ValueError
        return arguments


def spelled(arguments: object) -> str:
    """Arguments as JSON, where an API sends them as they are; empty where they can't be written."""
    if isinstance(arguments, str):
        return arguments
    try:
        return json.dumps(arguments) if arguments else ""
    except (TypeError, ValueError, RecursionError):
        return ""


def _lines(key: str, value: object, depth: int) -> Iterator[str]:
    if depth > _DEPTH_LIMIT:
        return
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _lines(name, one, depth + 1)
    elif isinstance(value, list):
        for one in value:
            yield from _lines(key, one, depth + 1)
    elif value is not None and not isinstance(value, bool):
        yield f"{key}: {value}" if key else str(value)
