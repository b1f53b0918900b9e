"""Words and pairs of words as numbers of buckets: what the injection model reads, in training as in use.

Hashing (Weinberger et al., ICML 2009) needs no dictionary, so that the model is small and holds no sentence
of anybody's. A character of a script without spaces is a word of its own.
"""

from __future__ import annotations

import re
import zlib

BITS = 17
BUCKETS = 1 << BITS
WORDS_LIMIT = 4096
"""Of one text; of a longer one the first and the last."""
MASK = BUCKETS - 1
"""What is left of a hash is its bucket."""
_WORD = re.compile(rb"[a-z0-9_\x80-\xff']+|[^\sa-z0-9_\x80-\xff']")
_WITHOUT_SPACES = re.compile("([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f])")
_DIGITS = re.compile(rb"\d+")


def words(text: str) -> list[bytes]:
    """The words of a text, and its signs, in lower case; all numbers are alike."""
    text = text.lower()
    if not text.isascii():
        text = _WITHOUT_SPACES.sub(r" \1 ", text)
    found = _WORD.findall(_DIGITS.sub(b"0", text.encode("utf-8", "replace")))
    if len(found) > WORDS_LIMIT:
        return found[: WORDS_LIMIT // 2] + found[-WORDS_LIMIT // 2 :]
    return found


def hashes(found: list[bytes]) -> tuple[list[int], list[int]]:
    """The hash of each word, and of it with the word before."""
    single = list(map(zlib.crc32, found))
    return single, list(map(zlib.crc32, found, [0x5EED, *single]))


def buckets(found: list[bytes]) -> tuple[list[int], list[int]]:
    """The bucket of each word, and of it with the word before."""
    single, pairs = hashes(found)
    return [one & MASK for one in single], [one & MASK for one in pairs]
