"""Why a GPU's clocks are held down, as shares of the last minute's samples.

Bits of nvmlDeviceGetCurrentClocksEventReasons. Those that say nothing is wrong (idle, clocks as an
administrator set them, several GPUs kept in step) are left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

WINDOW_NS = 60_000_000_000
_SAMPLES_LIMIT = 128
NAMES: Mapping[int, str] = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
    0x400: "reliability voltage",
}
"""By bit."""


class Slowdowns:
    """The samples of one GPU."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque(maxlen=_SAMPLES_LIMIT)

    def add(self, reasons: int, now_ns: int) -> None:
        """One sample; `now_ns` grows."""
        self._samples.append((now_ns, reasons))
        while now_ns - self._samples[0][0] > WINDOW_NS:
            self._samples.popleft()

    @property
    def count(self) -> int:
        """Samples in the window."""
        return len(self._samples)

    def shares(self) -> dict[str, float]:
        """By name; without those that never were."""
        counts = {
            name: sum(bool(reasons & bit) for _, reasons in self._samples) for bit, name in NAMES.items()
        }
        return {name: count / len(self._samples) for name, count in counts.items() if count}
