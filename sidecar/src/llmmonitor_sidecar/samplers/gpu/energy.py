"""The energy that GPUs take: their own counters, and power over time between two looks at one.

Power alone where there is no counter (before Volta).
"""

from __future__ import annotations

from collections.abc import Mapping

_LONGEST_STEP_NS = 30_000_000_000
"""Between two samples of power: what went on in a longer gap is not known."""
_MOST_WATTS = 100_000.0
"""Of one GPU, a hundred times what one takes: a counter that grows faster is wrong."""


COUNT_EVERY_NS = 10_000_000_000
"""Between two looks at the GPU's own counter. A look takes 3 to 13 ms of CPU time on an H100 with driver 580,
all other figures together 0.5 ms; and power over time says the same, to 0.2 % over 41 s of changing load."""


class Energy:
    """One GPU's, since the first sample; never goes back."""

    def __init__(self) -> None:
        self._counted: int | None = None
        self._counted_ns = 0
        self._count_at_ns: int | None = None
        self._powered: tuple[int, float] | None = None
        self._known = 0.0
        """Up to the last look at the counter; or all, where there is none."""
        self._since = 0.0
        """Power over time from then on: the counter's next look takes its place."""
        self.joules: float | None = None
        """None while there is neither counter nor power."""

    @property
    def integrated(self) -> bool:
        """Whether it is power over time alone."""
        return self.joules is not None and self._counted is None

    def counter_due(self, now_ns: int) -> bool:
        """Whether it is time to look at the counter, at CLOCK_MONOTONIC `now_ns`; if so, not again soon."""
        if self._count_at_ns is not None and now_ns < self._count_at_ns:
            return False
        self._count_at_ns = now_ns + COUNT_EVERY_NS
        return True

    def add(self, now_ns: int, watts: float | None, millijoules: int | None = None) -> None:
        """One sample at CLOCK_MONOTONIC `now_ns`.

        Args:
            now_ns: grows.
            watts: the power now; the mean of two samples holds between them.
            millijoules: the counter now, if it was looked at. It begins anew when the driver is loaded; then,
                and where it grew by more than any GPU takes, power fills the gap.
        """
        if watts is not None:
            self._since += self._step(watts, now_ns)
            self._powered = now_ns, watts
        if millijoules is not None:
            if self._counted is not None:
                grown = (millijoules - self._counted) * 1e-3
                most = _MOST_WATTS * (now_ns - self._counted_ns) * 1e-9
                self._known += grown if 0 <= grown <= most else self._since
            self._counted, self._counted_ns, self._since = millijoules, now_ns, 0.0
        if watts is not None or millijoules is not None:
            # where power said too much, what was said stays until the counter has come as far
            self.joules = max(self.joules or 0.0, self._known + self._since)

    def _step(self, watts: float, now_ns: int) -> float:
        if self._powered is None:
            return 0.0
        then_ns, before = self._powered
        return (
            (watts + before) / 2 * (now_ns - then_ns) * 1e-9 if now_ns - then_ns <= _LONGEST_STEP_NS else 0.0
        )


class PodsEnergy:
    """Of those GPUs that are the pod's, while they are; never goes back."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._joules = 0.0

    @property
    def millijoules(self) -> int:
        """So far."""
        return round(self._joules * 1e3)

    def add(self, joules: Mapping[str, float | None]) -> None:
        """Take note of what each of the pod's GPUs has taken since it is looked at, by uuid."""
        now = {uuid: taken for uuid, taken in joules.items() if taken is not None}
        self._joules += sum(
            max(0.0, taken - self._last[uuid]) for uuid, taken in now.items() if uuid in self._last
        )
        self._last = now
