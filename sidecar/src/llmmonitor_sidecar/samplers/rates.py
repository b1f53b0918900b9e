"""Rates over the last minute from cumulative figures: cores used, share of CFS periods throttled."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from llmmonitor_sidecar.samplers.cgroups import CgroupFigures

_NANO = 1e-9
_POINTS_LIMIT = 128


@dataclass(frozen=True, slots=True)
class _Point:
    at_ns: int
    cpu_seconds: float
    periods: int | None
    throttled: int | None


class LastMinute:
    """The samples of the last `seconds`; at most _POINTS_LIMIT, then the oldest go earlier."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds = seconds
        self._points: deque[_Point] = deque(maxlen=_POINTS_LIMIT)

    def add(self, at_ns: int, cpu_seconds: float, figures: CgroupFigures) -> None:
        """Add one sample; `at_ns` grows."""
        self._points.append(_Point(at_ns, cpu_seconds, figures.cpu_periods, figures.cpu_throttled_periods))
        while (at_ns - self._points[0].at_ns) * _NANO > self._seconds and len(self._points) > 2:  # noqa: PLR2004 - two points make a rate
            self._points.popleft()

    def clear(self) -> None:
        """Forget everything: other processes, another cgroup."""
        self._points.clear()

    def cores_used(self) -> float | None:
        """CPU seconds per second; None before the second sample."""
        if len(self._points) < 2:  # noqa: PLR2004 - as above
            return None
        first, last = self._points[0], self._points[-1]
        elapsed = (last.at_ns - first.at_ns) * _NANO
        return (last.cpu_seconds - first.cpu_seconds) / elapsed if elapsed > 0 else None

    def throttled_share(self) -> float | None:
        """Throttled periods of those in which it wanted to run; None where nothing is counted."""
        counted = [
            point for point in self._points if point.periods is not None and point.throttled is not None
        ]
        if len(counted) < 2:  # noqa: PLR2004 - as above
            return None
        first, last = counted[0], counted[-1]
        periods = (last.periods or 0) - (first.periods or 0)
        throttled = (last.throttled or 0) - (first.throttled or 0)
        if periods < 0 or throttled < 0:
            return None
        return min(1.0, throttled / periods) if periods else 0.0
