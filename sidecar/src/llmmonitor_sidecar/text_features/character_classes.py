"""How a text is written: the shares of digits, signs, capitals, lines and other scripts, in few steps each.

One code for all of them together. Programs, tables, lists, other scripts and answers that have become noise
have others than prose. Shares are of bytes in UTF-8, counted by deleting a class and measuring what is left,
which takes a microsecond a class.
"""

from __future__ import annotations

import string
from bisect import bisect
from itertools import pairwise

_LETTERS = string.ascii_letters.encode()
_CAPITALS = string.ascii_uppercase.encode()
_DIGITS = string.digits.encode()
_SIGNS = string.punctuation.encode()
_NO_ASCII = bytes(range(0x80, 0x100))

_STEPS: tuple[tuple[float, ...], ...] = ((0.01, 0.08), (0.04, 0.1), (0.01, 0.15), (0.15,), (1 / 60,))
"""Of digits, signs, what is no ASCII, capitals among letters, and ends of lines."""


def character_classes(text: str) -> int:
    """0 for no text, else 1 to 108."""
    data = text.encode("utf-8", "replace")
    if not data.strip():
        return 0
    size = len(data)
    left = [size]
    for one in (_DIGITS, _SIGNS, _NO_ASCII):
        data = data.translate(None, one)
        left.append(len(data))
    digits, signs, others = ((before - after) / size for before, after in pairwise(left))
    letters = len(data) - len(data.translate(None, _LETTERS))
    capitals = (len(data) - len(data.translate(None, _CAPITALS))) / letters if letters else 0.0
    code = 0
    shares = (digits, signs, others, capitals, data.count(b"\n") / size)
    for share, steps in zip(shares, _STEPS, strict=True):
        code = code * (len(steps) + 1) + bisect(steps, share)
    return code + 1
