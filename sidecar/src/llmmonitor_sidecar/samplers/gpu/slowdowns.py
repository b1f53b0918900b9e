"""Why a GPU's clocks are held down, as shares of the last minute's samples.

Bits of nvmlDeviceGetCurrentClocksEventReasons. Those that say nothing is wrong (idle, clocks as an
administrator set them, several GPUs kept in step) are left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from llmmonitor_api.report import gpus

WINDOW_NS = 60_000_000_000
_SAMPLES_LIMIT = 128
NAMES: Mapping[int, str] = {
    0x04: gpus.POWER_CAP,
    0x08: gpus.HARDWARE_SLOWDOWN,
    0x20: gpus.SOFTWARE_THERMAL,
    0x40: gpus.HARDWARE_THERMAL,
    0x80: gpus.POWER_BRAKE,
    0x400: gpus.RELIABILITY_VOLTAGE,
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
