"""The configuration that was pushed last, in memory that outlives an analyser: its successor goes on with it.

Without it a stop would be forgotten with the analyser that took it, and an older document, recorded by a
neighbour, could be played back to the next one. Two places are written in turn and a word says which one
holds: an analyser killed while it writes leaves the document before. The supervisor makes this before it
forks, so it has the standard library only. What dies with the container comes again from its environment.
Beside it stands what probes have spent.
"""

from __future__ import annotations

import dataclasses
import mmap
import struct

from llmmonitor_sidecar.probes.budget import MEMORY_BYTES

CONTENT_BYTES_LIMIT = 256 * 1024
"""As much as a signed document may have; memory is taken only as far as it is written."""

_HOLDING = struct.Struct("=Q")
"""0: nothing is kept; else the place, counted from 1."""
_HEADER = struct.Struct("=Qdd")
_PLACE_BYTES = _HEADER.size + CONTENT_BYTES_LIMIT


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """A verified configuration."""

    content: bytes
    """JSON of the settings, without the signature."""
    signed_at: float
    """Unix seconds, as `expires_at`."""
    expires_at: float


class KeptConfiguration:
    """One writer, the living analyser; `started_at` (Unix seconds) is the start of the sidecar.

    Attributes:
        spending: for `probes.budget.TokenBudget`.
    """

    __slots__ = ("_memory", "spending", "started_at")

    def __init__(self, started_at: float) -> None:
        self.started_at = started_at
        self.spending = mmap.mmap(-1, MEMORY_BYTES)
        self._memory = mmap.mmap(-1, _HOLDING.size + 2 * _PLACE_BYTES)

    def keep(self, kept: Kept) -> None:
        """Keep this one from now on.

        Raises:
            ValueError: it is larger than any document may be.
        """
        if len(kept.content) > CONTENT_BYTES_LIMIT:
            raise ValueError(
                f"configuration of {len(kept.content)} bytes; the limit is {CONTENT_BYTES_LIMIT}"
            )
        place = 2 if self._holding == 1 else 1
        at = self._begin(place)
        _HEADER.pack_into(self._memory, at, len(kept.content), kept.signed_at, kept.expires_at)
        self._memory[at + _HEADER.size : at + _HEADER.size + len(kept.content)] = kept.content
        _HOLDING.pack_into(self._memory, 0, place)

    def kept(self) -> Kept | None:
        """What was kept last; None before any."""
        if not self._holding:
            return None
        at = self._begin(self._holding)
        size, signed_at, expires_at = _HEADER.unpack_from(self._memory, at)
        return Kept(self._memory[at + _HEADER.size : at + _HEADER.size + size], signed_at, expires_at)

    @property
    def _holding(self) -> int:
        place: int = _HOLDING.unpack_from(self._memory)[0]
        return place

    @staticmethod
    def _begin(place: int) -> int:
        return _HOLDING.size + (place - 1) * _PLACE_BYTES
