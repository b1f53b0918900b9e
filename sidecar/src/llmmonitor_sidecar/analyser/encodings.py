"""Content-encodings undone as bytes arrive, with a bound on what comes out (RFC 9110, section 8.4.1).

A stream that is compressed and flushed per event gives each event when it arrives. Output comes in pieces of
at most `limits.DECODED_STEP_BYTES`, so that a bomb costs time up to a limit and no memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import brotli
import zstandard

from llmmonitor_sidecar.analyser import limits


class BadEncoding(Exception):
    """The content can't be decoded; `reason` is one of a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Decoder(Protocol):
    """Undoes one encoding."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` decodes to, in bounded pieces.

        Raises:
            BadEncoding: while iterating.
        """
        ...


class _Zlib:
    """gzip, and `deflate` both as RFC 9110 means it (zlib) and as some servers write it (raw)."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._inner = zlib.decompressobj(31) if gzip else None
        self._left = limits.DECODED_BODY_BYTES
        self._done = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        while data and not self._done:
            if self._inner is None:
                self._inner = zlib.decompressobj(15 if data[0] & 0x0F == zlib.DEFLATED else -15)
            try:
                piece = self._inner.decompress(data, limits.DECODED_STEP_BYTES)
            except zlib.error:
                raise BadEncoding("bad_content_encoding") from None
            data = self._inner.unconsumed_tail
            if self._inner.eof:
                data = self._inner.unused_data
                if self._gzip and data:  # RFC 1952: members follow one another
                    self._inner = zlib.decompressobj(31)
                else:
                    self._done = True
            if piece:
                self._left = _spend(self._left, piece)
                yield piece


class _Brotli:
    def __init__(self) -> None:
        self._inner = brotli.Decompressor()
        self._left = limits.DECODED_BODY_BYTES

    def decode(self, data: bytes) -> Iterator[bytes]:
        try:
            piece = self._inner.process(data, output_buffer_limit=limits.DECODED_STEP_BYTES)
            while piece:
                self._left = _spend(self._left, piece)
                yield piece
                if self._inner.can_accept_more_data():
                    return
                piece = self._inner.process(b"", output_buffer_limit=limits.DECODED_STEP_BYTES)
        except brotli.error:
            raise BadEncoding("bad_content_encoding") from None


class _Zstd:
    """The library bounds no call's output, so the input goes in small steps.

    A block of four bytes may decode to 128 KiB (RFC 8878, section 3.1.1.2): a step's output stays under 2
    MiB.
    """

    def __init__(self) -> None:
        self._left = limits.DECODED_BODY_BYTES
        self._inner = zstandard.ZstdDecompressor(max_window_size=limits.ZSTD_WINDOW_BYTES).decompressobj(
            read_across_frames=True
        )

    def decode(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_INPUT_STEP_BYTES):
            try:
                piece = self._inner.decompress(data[start : start + _ZSTD_INPUT_STEP_BYTES])
            except (zstandard.ZstdError, EOFError):
                raise BadEncoding("bad_content_encoding") from None
            if piece:
                self._left = _spend(self._left, piece)
                yield piece


_ZSTD_INPUT_STEP_BYTES = 64


def _spend(left: int, piece: bytes) -> int:
    if len(piece) > left:
        raise BadEncoding("decoded_too_large")
    return left - len(piece)


_DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": lambda: _Zlib(gzip=True),
    "x-gzip": lambda: _Zlib(gzip=True),
    "deflate": lambda: _Zlib(gzip=False),
    "br": _Brotli,
    "zstd": _Zstd,
}


def decoder_for(encoding: str) -> Decoder | None:
    """Return the decoder for a Content-Encoding header's value, None when there is nothing to undo.

    Raises:
        BadEncoding: `unknown_content_encoding`, also for more than one.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    make = _DECODERS.get(name)
    if make is None:
        raise BadEncoding("unknown_content_encoding")
    return make()
