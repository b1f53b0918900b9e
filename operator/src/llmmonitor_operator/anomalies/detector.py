"""The detector: a one-sided CUSUM of standardised innovations, and what it remembers between two cells.

(Page 1954.) Each step adds the innovation less SLACK, cut off at CLIP, so that no single cell, however bad,
can raise an alarm. Where it last was near zero is when the change began. An alarm ends by the figure itself,
when it has come back half-way for three cells: a CUSUM takes as long to fall as it took to climb.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from llmmonitor_operator.anomalies.baseline import Usual
from llmmonitor_operator.anomalies.cell import CELLS_A_DAY
from llmmonitor_operator.anomalies.signals import Reading

SLACK = 1.0
"""The reference value, in standard deviations: shifts of twice as much are found the soonest."""
CLIP = 6.0
"""Standard deviations, of one cell."""
NEAR_ZERO = 1.0
"""Height: up from here it is a change that began, and not noise that lingers."""
GAP_CELLS = 12
"""Without a reading for so long, an excursion is over."""
RECOVERED_CELLS = 3


class Track(msgspec.Struct, frozen=True):
    """Where one signal stands."""

    height: float = 0.0
    """Of the CUSUM."""
    since: int = 0
    """The cell in which it left zero behind."""
    at: int = 0
    """The last cell that had a reading."""
    deviation: float = 0.0
    """From the usual, in that cell; natural logarithm."""
    sum: float = 0.0
    """Of the deviations since `since`."""
    cells: int = 0
    """That had a reading since then."""
    requests: float = 0.0
    """About how many these were of."""
    traffic: float = 0.0
    """Sum of how far the request rate was from its own usual in these; natural logarithm."""
    alarm_since: int | None = None
    """When what the alarm says began; None while there is no alarm."""
    alarms_a_month: float = 0.0
    """How often chance alone gets as high as it was when the alarm was raised, in 30 days."""
    recovered: int = 0
    """Cells in a row that were back half-way."""

    @property
    def shift(self) -> float:
        """The mean deviation since the change; natural logarithm."""
        return self.sum / self.cells if self.cells else 0.0

    @property
    def traffic_factor(self) -> float:
        """How many times the usual the request rate is since then."""
        return math.exp(self.traffic / self.cells) if self.cells else 1.0

    @property
    def factor(self) -> float:
        """How many times the usual it is since the change."""
        return math.exp(self.shift)


def clipped_step(innovation: float) -> float:
    """What an innovation in the direction of worse adds to the height."""
    return min(CLIP, max(-CLIP, innovation)) - SLACK


class Seen(NamedTuple):
    """One cell of one signal."""

    at: int
    """The cell's number since 1970."""
    reading: Reading
    traffic: float = 0.0
    """How far the request rate is from its usual; natural logarithm."""


def step(track: Track, usual: Usual, worse: int, seen: Seen) -> Track:
    """The track after a cell."""
    gap = seen.at - track.at
    deviation = usual.deviation(seen.at % CELLS_A_DAY, seen.reading)
    before = track.deviation if gap == 1 else None
    height = track.height if gap <= GAP_CELLS else 0.0
    height += clipped_step(worse * usual.standardised(deviation, before, seen.reading.n))
    now = msgspec.structs.replace(track, height=max(0.0, height), at=seen.at, deviation=deviation)
    if track.alarm_since is not None:
        return _in_alarm(now, worse, seen)
    if not now.height:
        return Track(at=seen.at, deviation=deviation)
    if track.height < NEAR_ZERO or gap > GAP_CELLS:
        now = Track(height=now.height, since=seen.at, at=seen.at, deviation=deviation)
    return _with(now, seen)


def raised(track: Track, alarms_a_month: float) -> Track:
    """The same with an alarm, by how rare its height is."""
    return msgspec.structs.replace(track, alarm_since=track.since, alarms_a_month=alarms_a_month, recovered=0)


def _in_alarm(track: Track, worse: int, seen: Seen) -> Track:
    if worse * track.deviation >= worse * track.shift / 2:
        return _with(msgspec.structs.replace(track, recovered=0), seen)
    if track.recovered + 1 >= RECOVERED_CELLS:
        return Track(at=seen.at, deviation=track.deviation)
    return msgspec.structs.replace(track, recovered=track.recovered + 1)


def _with(track: Track, seen: Seen) -> Track:
    """Its last deviation counted among those since the change."""
    return msgspec.structs.replace(
        track,
        sum=track.sum + track.deviation,
        cells=track.cells + 1,
        requests=track.requests + seen.reading.n,
        traffic=track.traffic + seen.traffic,
    )
