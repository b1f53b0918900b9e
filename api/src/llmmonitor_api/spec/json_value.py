"""Values in the spec that the API server keeps as they are, and of which it checks nothing: JSON schemas.

They travel to each sidecar in one signed document with the rest, and are read there by code that goes down
into them: so they have a length and a depth. A YAML file of `llm-monitor watch` may hold what is no JSON.
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

BYTES_LIMIT: Final = 64 * 1024
"""As JSON: a fourth of a document."""
DEPTH_LIMIT: Final = 64


def within_bounds(value: dict[str, Any]) -> dict[str, Any]:
    """The same value.

    Raises:
        ValueError: it is too deep or too long, or no JSON.
    """
    level: list[Any] = [value]
    for _ in range(DEPTH_LIMIT):
        for one in level:
            _check(one)
        level = [inner for one in level for inner in _within(one)]
        if not level:
            break
    else:
        raise ValueError(f"is nested deeper than {DEPTH_LIMIT} levels; write it flatter, with $defs and $ref")
    size = len(msgspec.json.encode(value))
    if size > BYTES_LIMIT:
        raise ValueError(
            f"has {size} bytes as JSON; at most {BYTES_LIMIT} are allowed: leave descriptions out, write what"
            " repeats once in $defs"
        )
    return value


def _within(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _check(value: Any) -> None:
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str):
                raise ValueError(f"has the name {name!r}, which is no text; write it in quotes")  # noqa: TRY004 - pydantic's
        texts = list(value)
    else:
        texts = [value] if isinstance(value, str) else []
    if any("\ud800" <= one <= "\udfff" for text in texts for one in text):
        raise ValueError("has a character that is half of one; write it whole")
    infinite = isinstance(value, float) and not math.isfinite(value)
    if infinite or not isinstance(value, dict | list | str | int | float | None):
        raise ValueError(f"has {value!r}, which is no JSON; write a number, or a text in quotes")
