"""The short way through a stream's commonest chunk: like the last one, but for the text.

Servers write thousands of chunks that differ only in a JSON string. Once one was decoded and understood, the
next needs no decoding when its bytes before and after that string are the same and the string between is not
empty, holds no quote and does not end in a backslash, so that it can end nowhere else. Then it means what the
decoded one meant: one more delta with output. Everything else is decoded.
"""

from __future__ import annotations

_BACKSLASH = 0x5C
_MISSES = 64
"""Templates learnt in vain before the stream is taken for one without a common form."""


class ChunkTemplate:
    """Remembers one form of chunk; `content` is whether its text is visible content."""

    __slots__ = ("_head", "_head_size", "_index", "_left", "_tail", "_tail_size", "content")

    def __init__(self) -> None:
        self._head = b""
        self._tail = b""
        self._head_size = 0
        self._tail_size = 0
        self._index = -1
        self._left = _MISSES
        self.content = True

    def match(self, data: bytes) -> int:
        """Return the choice's index when `data` has the remembered form with some text, else -1."""
        if self._index < 0 or not data.startswith(self._head) or not data.endswith(self._tail):
            return -1
        text = data[self._head_size : -self._tail_size]
        if text and b'"' not in text and text[-1] != _BACKSLASH:
            self._left = _MISSES
            return self._index
        return -1

    def text(self, data: bytes) -> bytes:
        """The text of data that matched, as JSON spells it."""
        return data[self._head_size : -self._tail_size]

    def learn(self, data: bytes, key: bytes, text: str | None, index: int, *, content: bool) -> None:
        """Remember the form of a chunk whose `key` holds `text` and that carried nothing else."""
        if not text or self._left <= 0 or data.count(key) != 1:
            return
        raw = text.encode("utf-8", "surrogatepass")
        at = data.find(b'"' + raw + b'"', data.find(key) + len(key))
        between = data[data.find(key) + len(key) : at]
        if at < 0 or between.strip() != b":" or b'"' in raw or b"\\" in raw:
            return  # an escaped text stands there in other bytes
        self._left -= 1
        self._head = data[: at + 1]
        self._tail = data[at + 1 + len(raw) :]
        self._head_size, self._tail_size = len(self._head), len(self._tail)
        self._index = index
        self.content = content
