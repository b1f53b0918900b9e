"""Tokens per second over the last minute, while the model was at work.

Looked at once per resource interval. A minute in which nothing was in flight says nothing about how fast the
model could have been, so it gives no figure.
"""

from __future__ import annotations

from collections import deque

WINDOW_NS = 60_000_000_000
_SHORTEST_NS = 10_000_000_000
_LOOKS_LIMIT = 600


class Throughput:
    """A sliding window over a counter of tokens."""

    def __init__(self) -> None:
        self._looks: deque[tuple[int, int]] = deque(maxlen=_LOOKS_LIMIT)
        """(CLOCK_MONOTONIC ns, tokens so far), without a pause of the model in between."""

    def look(self, now_ns: int, tokens: int, in_flight: int) -> float | None:
        """Tokens per second up to now; None without ten seconds of work."""
        if not in_flight:
            self._looks.clear()
            return None
        self._looks.append((now_ns, tokens))
        while now_ns - self._looks[0][0] > WINDOW_NS:
            self._looks.popleft()
        since_ns, before = self._looks[0]
        elapsed_ns = now_ns - since_ns
        return (tokens - before) * 1e9 / elapsed_ns if elapsed_ns >= _SHORTEST_NS else None
