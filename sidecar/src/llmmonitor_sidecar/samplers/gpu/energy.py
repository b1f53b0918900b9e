"""The energy that GPUs take: their own counters, or power over time where one has none (before Volta)."""

from __future__ import annotations

from collections.abc import Mapping

_LONGEST_STEP_NS = 30_000_000_000
"""Between two samples of power: what went on in a longer gap is not known."""


class Energy:
    """One GPU's, since the first sample; never goes back."""

    def __init__(self) -> None:
        self._counted: int | None = None
        self._powered: tuple[int, float] | None = None
        self._joules = 0.0
        self.joules: float | None = None
        """None while there is neither counter nor power."""
        self.integrated = False
        """Whether it is power over time."""

    def counter(self, millijoules: int) -> None:
        """The GPU's own counter; it begins anew when the driver is loaded."""
        before = self._counted
        if before is not None and millijoules >= before:
            self._joules += (millijoules - before) * 1e-3
        self._counted = millijoules
        self.integrated = False
        self.joules = self._joules

    def power(self, watts: float, now_ns: int) -> None:
        """The power at CLOCK_MONOTONIC `now_ns`: the mean of two samples holds between them."""
        if self._powered is not None:
            then_ns, before = self._powered
            if now_ns - then_ns <= _LONGEST_STEP_NS:
                self._joules += (watts + before) / 2 * (now_ns - then_ns) * 1e-9
        self._powered = now_ns, watts
        self.integrated = True
        self.joules = self._joules


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
