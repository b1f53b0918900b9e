"""A body kept whole while it is short; of a long one, its head and its tail.

What the figures need stands near the beginning (model, stream) or the end (usage) of the JSON that servers
and clients write, so a body too long to keep is still searched there: the answer to an embeddings request of
many megabytes has its `usage` last. A search finds keys at any depth and is no parser; it gives fewer
figures, never an error.
"""

from __future__ import annotations

import re

from llmmonitor_sidecar.analyser import limits

_MODEL = re.compile(rb'(?<!\\)"model"\s*:\s*"([^"\\]{1,256})"')
_STREAM = re.compile(rb'(?<!\\)"stream"\s*:\s*true')
_USAGE = re.compile(rb'(?<!\\)"usage"\s*:\s*(\{[^{}"]*(?:"[^"\\]*"[^{}"]*|\{[^{}]*\}[^{}"]*)*\})')


class BodyKeeper:
    """Collects one body of at most `limit` bytes; `whole` says whether it all fitted."""

    __slots__ = ("_head", "_kept", "_limit", "size", "whole")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._head = b""
        self.size = 0
        self.whole = True

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self.size += len(data)
        self._kept += data
        if self.size <= self._limit:
            return
        if self.whole:
            self.whole = False
            self._head = bytes(self._kept[: limits.SEARCHED_BYTES])
        if len(self._kept) > 2 * limits.SEARCHED_BYTES:
            self._kept = self._kept[-limits.SEARCHED_BYTES :]

    @property
    def kept_bytes(self) -> int:
        """Memory held for the body."""
        return len(self._head) + len(self._kept)

    def take(self) -> bytes:
        """Return the whole body and forget it; only when `whole`."""
        data = bytes(self._kept)
        self._kept = bytearray()
        return data

    def search_model(self) -> str | None:
        """Look for the first `"model"` of a body that is not whole, in its head, then in its tail."""
        found = _MODEL.search(self._head) or _MODEL.search(self._tail())
        return found.group(1).decode("utf-8", "replace") if found else None

    def search_stream(self) -> bool:
        """Whether a body that is not whole asks for a stream."""
        return bool(_STREAM.search(self._head) or _STREAM.search(self._tail()))

    def search_usage(self) -> bytes | None:
        """Look for the last `"usage"` object of a body that is not whole, in its tail, then in its head."""
        for part in (self._tail(), self._head):
            at = part.rfind(b'"usage"')
            found = _USAGE.search(part, max(at - 1, 0), at + _USAGE_SPAN_BYTES) if at >= 0 else None
            if found:
                return found.group(1)
        return None

    def _tail(self) -> bytes:
        return bytes(self._kept[-limits.SEARCHED_BYTES :])


_USAGE_SPAN_BYTES = 4_096
