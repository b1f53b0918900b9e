"""Words and pairs of words as numbers of buckets: what the trained models read, in training as in use.

Hashing (Weinberger et al., ICML 2009) needs no dictionary, so that the model is small and holds no sentence
of anybody's. A character of a script without spaces is a word of its own. Of a long text the beginning, the
end and pieces spread evenly between them are read, so that none takes longer than a page.
"""

from __future__ import annotations

import re
import zlib
from typing import Final, TypeVar

W = TypeVar("W", str, bytes)

BITS = 17
BUCKETS = 1 << BITS
CHARACTERS: Final = 32_768
"""Of one text that is read whole."""
WORDS_LIMIT = 4096
"""Of one text; of a longer one the first and the last."""
_END_CHARACTERS, _END_WORDS = 8_192, 1_536
"""Of the beginning and of the end of a text that is not read whole."""
PIECES, _PIECE_CHARACTERS, _PIECE_WORDS = 16, 512, 64
"""Between them."""
MASK = BUCKETS - 1
"""What is left of a hash is its bucket."""
_WORD = re.compile(rb"[a-z0-9_\x80-\xff']+|[^\sa-z0-9_\x80-\xff']")
_ALONE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f"
_OF_ANY_SCRIPT = re.compile(
    f"[{_ALONE}]|(?:(?![{_ALONE}])[a-z0-9_'\x80-\U0010ffff])+|[^\\s\x1c-\x1fa-z0-9_'\x80-\U0010ffff]|[\x1c-\x1f]"
)
_WITHOUT_SPACES = re.compile(f"[{_ALONE}]")
_DIGITS = re.compile(rb"\d+")
_DIGITS_OF_ANY_SCRIPT = re.compile("[0-9]+")


def words(text: str) -> list[bytes]:
    """The words of a text, and its signs, in lower case; all numbers are alike."""
    if len(text) <= CHARACTERS:
        return _both_ends(_words(text), WORDS_LIMIT)
    middle = text[_END_CHARACTERS:-_END_CHARACTERS]
    step = (len(middle) - _PIECE_CHARACTERS) / (PIECES - 1)
    found = _words(text[:_END_CHARACTERS])[:_END_WORDS]
    for piece in range(PIECES):
        begin = round(piece * step)
        found += _words(middle[begin : begin + _PIECE_CHARACTERS])[:_PIECE_WORDS]
    return found + _words(text[-_END_CHARACTERS:])[-_END_WORDS:]


def _both_ends(found: list[W], limit: int) -> list[W]:
    return found if len(found) <= limit else found[: limit // 2] + found[-limit // 2 :]


def _words(text: str) -> list[bytes]:
    text = text.lower()
    if text.isascii() or not _WITHOUT_SPACES.search(text):
        return _WORD.findall(_DIGITS.sub(b"0", text.encode("utf-8", "replace")))
    text = text.encode("utf-8", "replace").decode()
    found: list[str] = _OF_ANY_SCRIPT.findall(_DIGITS_OF_ANY_SCRIPT.sub("0", text))
    return [one.encode() for one in _both_ends(found, WORDS_LIMIT)]


def hashes(found: list[bytes]) -> tuple[list[int], list[int]]:
    """The hash of each word, and of it with the word before."""
    single = list(map(zlib.crc32, found))
    return single, list(map(zlib.crc32, found, [0x5EED, *single]))


def buckets(found: list[bytes]) -> tuple[list[int], list[int]]:
    """The bucket of each word, and of it with the word before."""
    single, pairs = hashes(found)
    return [one & MASK for one in single], [one & MASK for one in pairs]
