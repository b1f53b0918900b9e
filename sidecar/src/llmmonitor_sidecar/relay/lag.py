"""How punctual the relay's loop is: what the watchdog compares with `interception.maxAddedLatency`."""

from collections import deque
from typing import Final

TICK_SECONDS: Final = 0.05
"""How often the loop comes round without traffic."""
WINDOW_SECONDS: Final = 5.0


class LoopLag:
    """Lateness of the loop's ticks over the last 5 s; 100 of them."""

    __slots__ = ("_lateness_us",)

    def __init__(self) -> None:
        self._lateness_us: deque[int] = deque(maxlen=round(WINDOW_SECONDS / TICK_SECONDS))

    def add(self, late_seconds: float) -> None:
        """Note how late a tick came; negative counts as punctual."""
        self._lateness_us.append(max(0, round(late_seconds * 1e6)))

    @property
    def p99_us(self) -> int:
        """99th percentile, microseconds (nearest rank, upwards); 0 before the first tick."""
        ordered = sorted(self._lateness_us)
        return ordered[-1 - len(ordered) // 100] if ordered else 0

    @property
    def max_us(self) -> int:
        """The latest tick, microseconds."""
        return max(self._lateness_us, default=0)
