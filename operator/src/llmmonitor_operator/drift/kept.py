"""A baseline as bytes that last: compressed msgpack, one ConfigMap of its own for each monitor.

Windows and cells are packed already. The largest, of eight weeks, is tested to be far below what a ConfigMap
holds.
"""

from __future__ import annotations

import math
import zlib

import msgspec

from llmmonitor_operator.drift.baseline import Baseline
from llmmonitor_operator.drift.window import unpacked

SCHEMA = 1
"""Changes with every change that old bytes cannot be read as."""
BYTES_LIMIT = 512 * 1024
_DECOMPRESSED_LIMIT = 8 * 1024 * 1024


def encode(baseline: Baseline) -> bytes:
    """In at most BYTES_LIMIT bytes.

    Raises:
        ValueError: it does not fit.
    """
    data = zlib.compress(msgspec.msgpack.encode(baseline), level=9)
    if len(data) > BYTES_LIMIT:
        raise ValueError(f"a baseline of {len(data)} bytes; the limit is {BYTES_LIMIT}")
    return data


def decode(data: bytes) -> Baseline:
    """The baseline.

    Raises:
        ValueError: the bytes are none, or damaged.
    """
    try:
        stream = zlib.decompressobj()
        plain = stream.decompress(data, _DECOMPRESSED_LIMIT)
        if not stream.eof:
            raise ValueError(f"cut off, or larger than {_DECOMPRESSED_LIMIT} bytes")
        found = msgspec.msgpack.decode(plain, type=Baseline)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(f"no baseline of ours: {error}") from error
    if not all(map(math.isfinite, (found.begun_at, found.ended_at))):
        raise ValueError("a time that is no number")
    for one in (*found.kept, *found.cells.values(), *filter(None, [found.everything])):
        unpacked(one)
    return found
