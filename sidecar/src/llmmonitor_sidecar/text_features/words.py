"""Some words of a text, for those who look at languages and vocabulary."""

from __future__ import annotations

import re
import string
from typing import TypeVar

W = TypeVar("W", str, bytes)

CHARACTERS = 4_096
"""Of a text that are looked at: its first and its last."""
WORDS_LIMIT = 64
"""Of one text: evenly spread over it, so that a long one counts no more than others."""
_ALONE = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WITHOUT_SPACES = re.compile(f"[{_ALONE}]")
_EITHER = re.compile(f"[{_ALONE}]|[^\\W{_ALONE}]+")
"""A character of a script without spaces is a word of its own."""
_SIGNS = string.punctuation.replace("_", "").replace("'", "").encode()
_WITHOUT_SIGNS = bytes.maketrans(_SIGNS, b" " * len(_SIGNS))


def words(text: str) -> list[bytes]:
    """In lower case and UTF-8, in order; numbers and names of programs are words too."""
    text = text.lower()
    if not text.isascii() and _WITHOUT_SPACES.search(text):
        found = _spread(_EITHER.findall(text))
        return [one.encode("utf-8", "replace") for one in found]
    return _spread(text.encode("utf-8", "replace").translate(_WITHOUT_SIGNS).split())


def _spread(found: list[W]) -> list[W]:
    return found[:: len(found) // WORDS_LIMIT + 1]
