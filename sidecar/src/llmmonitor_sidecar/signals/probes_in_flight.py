"""Which probes of ours the model works on: what the engine says of itself holds them too."""

from __future__ import annotations

from collections import deque

_REMEMBERED = 32
"""Changes: an engine's figures are some seconds old, a probe takes longer than one."""


class ProbesInFlight:
    """How many there are, now and a while ago."""

    def __init__(self) -> None:
        self._changes: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self.in_flight = 0

    def step(self, more: int, now_ns: int) -> None:
        """So many more (or less) from `now_ns` (CLOCK_MONOTONIC) on."""
        self.in_flight += more
        self._changes.append((now_ns, self.in_flight))

    def at(self, at_ns: int) -> int:
        """How many there were then."""
        return next((many for since, many in reversed(self._changes) if since <= at_ns), 0)
