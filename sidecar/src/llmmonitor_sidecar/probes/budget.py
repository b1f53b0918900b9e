"""What probes may use within any 24 hours, this replica's part of it: counted in cells of an hour.

The cells stand in memory that outlives the analyser (`kept_configuration.py`): one that dies, perhaps of what
it has asked, is not followed by one with a budget of its own. A question's tokens are spent before it is
asked, and put right by its answer.
"""

from __future__ import annotations

import struct
from mmap import mmap

HOUR = 3600.0
HOURS = 24
_CELL = struct.Struct("=qq")
"""The hour since 1970, and tokens."""
MEMORY_BYTES = HOURS * _CELL.size


class TokenBudget:
    """Tokens spent over the last day."""

    def __init__(self, memory: bytearray | mmap | None = None) -> None:
        """Args: memory: `MEMORY_BYTES` of zeros or of an earlier budget; its own if not given."""
        self._memory = memory if memory is not None else bytearray(MEMORY_BYTES)

    def spend(self, tokens: int, now: float) -> None:
        """Count tokens at `now` (Unix seconds); fewer than none give back."""
        hour = int(now // HOUR)
        at = hour % HOURS * _CELL.size
        cell, spent = _CELL.unpack_from(self._memory, at)
        _CELL.pack_into(self._memory, at, hour, tokens + (spent if cell == hour else 0))

    def spent(self, now: float) -> int:
        """Within the last day."""
        first = int(now // HOUR) - HOURS
        return sum(spent for hour, spent in _CELL.iter_unpack(bytes(self._memory)) if hour > first)
