"""Whether two messages ask nearly the same, by their words: without keeping any.

A message becomes the set of its words' hashes under the caller's salt, which never leave this process. Two
ask nearly the same if most of their words are common, and they differ in words added, in words left out, or
in small ones: where one word of weight stands in the place of another, another thing is asked ("the capital
of Spain" after "the capital of France"). That misses whoever uses other words, and takes few new questions
for old ones.
"""

from __future__ import annotations

import re
from array import array

FEWEST_WORDS = 4
"""Shorter messages ("yes, go on") are alike without meaning the same."""
MOST_WORDS = 256
"""Longer ones are mostly documents."""
ALIKE = 0.6
"""Dice's coefficient of the words, from which on two messages are alike (Dice 1945)."""
_WEIGHTY_LETTERS = 4
_WORD = re.compile(r"\w+")
_CHARACTERS = 4096

Words = frozenset[int]
"""Hashes of words; odd ones are of words with weight."""


def words_of(text: str, salt: int) -> Words:
    """Its words; empty where they are too few or too many to be compared. Those of one salt can be."""
    if len(text) > _CHARACTERS:
        return frozenset()
    found = _WORD.findall(text.casefold())
    if not FEWEST_WORDS <= len(found) <= MOST_WORDS:
        return frozenset()
    return frozenset(_hashed(word, salt) for word in found)


def asks_the_same(words: Words, before: Words) -> bool:
    """Whether two messages ask nearly the same."""
    if not words or not before:
        return False
    if 2 * len(words & before) < ALIKE * (len(words) + len(before)):
        return False
    return not (any(one & 1 for one in words - before) and any(one & 1 for one in before - words))


def packed(words: Words) -> bytes:
    """The same in four bytes a word."""
    return array("I", words).tobytes()


def unpacked(kept: bytes) -> Words:
    """The reverse."""
    return frozenset(array("I", kept))


def _hashed(word: str, salt: int) -> int:
    weighty = len(word) >= _WEIGHTY_LETTERS or not word.isalpha()
    return hash((salt, word)) & 0x7FFFFFFE | weighty
