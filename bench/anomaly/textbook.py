"""Textbook procedures, which take every cell for an independent draw from one normal distribution.

Shewhart's 3-sigma, a CUSUM (k = .5, h = 5) and an EWMA (lambda = .2, L = 3), as Montgomery's "Statistical
Quality Control" has them, on the same logarithms, with mean and standard deviation of the same history.
Their alarms less than an hour apart count once.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llmmonitor_operator.anomalies.signals import Reading

MERGED_CELLS = 12
_LAMBDA = 0.2

Step = Callable[[float, float], tuple[float, bool]]
"""By state and standardised value: the next state, and whether it alarms."""


def _shewhart(_state: float, z: float) -> tuple[float, bool]:
    return 0.0, z > 3


def _cusum(state: float, z: float) -> tuple[float, bool]:
    state = max(0.0, state + z - 0.5)
    return (0.0, True) if state > 5 else (state, False)


def _ewma(state: float, z: float) -> tuple[float, bool]:
    state = (1 - _LAMBDA) * state + _LAMBDA * z
    return state, state > 3 * math.sqrt(_LAMBDA / (2 - _LAMBDA))


PROCEDURES: dict[str, Step] = {"3-sigma": _shewhart, "CUSUM k=.5 h=5": _cusum, "EWMA .2, 3": _ewma}


@dataclass(slots=True)
class Chart:
    """One procedure on one signal."""

    step: Step
    worse: int
    mean: float = 0.0
    sd: float = 1.0
    state: float = 0.0
    alarmed_at: int = -MERGED_CELLS - 1
    alarms: int = 0

    def learn(self, history: Sequence[Reading | None]) -> None:
        """Mean and standard deviation of it."""
        logs = [one.log for one in history if one]
        if len(logs) > 1:
            self.mean, self.sd = statistics.fmean(logs), max(1e-6, statistics.pstdev(logs))

    def look(self, at: int, reading: Reading) -> bool:
        """Whether a new alarm begins in the cell `at`."""
        self.state, alarms = self.step(self.state, self.worse * (reading.log - self.mean) / self.sd)
        if not alarms:
            return False
        begins = at - self.alarmed_at > MERGED_CELLS
        self.alarmed_at = at
        self.alarms += begins
        return begins

    def copy(self) -> "Chart":
        """The same, to be tried with a fault."""
        return Chart(self.step, self.worse, self.mean, self.sd, self.state, self.alarmed_at)
