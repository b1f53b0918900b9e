"""What to do when the analyser grows too large: give up what is half-read, and if that does not help, end.

A sidecar's memory counts in the model's pod: better no figures for a moment than a model that is OOM-killed.
The supervisor starts a new analyser, whose reports go on where this one's stopped.
"""

from __future__ import annotations

import enum

SHARE = 0.625
"""Of what the whole sidecar allows itself (160 of 256 MiB): above it everything half-read is given up."""
PATIENCE_NS = 60_000_000_000
"""How long it may stay above the limit after that."""


class Measure(enum.Enum):
    """What is due now."""

    NONE = enum.auto()
    SHED = enum.auto()
    END = enum.auto()


class MemoryWatch:
    """Decides by resident memory, look by look."""

    def __init__(self, cap_bytes: int) -> None:
        """`cap_bytes`: what the whole sidecar allows itself."""
        self.limit_bytes = int(cap_bytes * SHARE)
        self._above_since_ns: int | None = None

    def look(self, rss_bytes: int, now_ns: int) -> Measure:
        """What to do at `now_ns` (CLOCK_MONOTONIC): shed once past the limit, end if it stays so."""
        if rss_bytes <= self.limit_bytes:
            self._above_since_ns = None
            return Measure.NONE
        if self._above_since_ns is None:
            self._above_since_ns = now_ns
            return Measure.SHED
        return Measure.END if now_ns - self._above_since_ns > PATIENCE_NS else Measure.NONE
