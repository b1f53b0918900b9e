"""How often chance alone lifts the detector how high: learnt from the monitor's own past.

Months are put together from quarters of days drawn at random out of the history, each at its own time of day
(a seasonal block bootstrap: Politis & Romano 1994; Dudek et al. 2014), so that what is left of
autocorrelation, bursts and heavy tails is in them, whatever its law. The detector runs over them; its
excursions' heights give the rate of alarms at any threshold. Beyond the highest, the rate falls
exponentially (Lundberg's bound holds for a CUSUM's excursions), as steeply as it does before.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import msgspec

from llmmonitor_operator.anomalies.cell import CELLS_A_DAY
from llmmonitor_operator.anomalies.detector import CLIP, clipped_step

DAYS_A_MONTH = 30
MONTHS = 40
"""That are simulated."""
BLOCKS_A_DAY = 4
_BLOCK = CELLS_A_DAY // BLOCKS_A_DAY
_OFTEN, _SELDOM = 20.0, 1.0
"""Alarms in 30 days between which the slope is measured."""
_LEAST_SLOPE = 0.5
"""And a threshold of more than one cell can add: however quiet the past, one cell is no change."""


class Chance(msgspec.Struct, frozen=True):
    """False alarms by threshold."""

    threshold_of_one: float
    """That chance alone passes once in 30 days."""
    slope: float
    """By how much higher a threshold must be to be passed e times less often."""

    def alarms_a_month(self, height: float) -> float:
        """How often in 30 days chance alone gets as high."""
        return math.exp(min(50.0, (self.threshold_of_one - height) / self.slope))

    def threshold(self, alarms_a_month: float) -> float:
        """The height that chance reaches so often in 30 days."""
        return self.threshold_of_one - self.slope * math.log(alarms_a_month)


def chance(innovations: Sequence[Sequence[float | None]], worse: int, seed: int) -> Chance:
    """By a history of standardised innovations (by day and cell); `worse` is the direction looked into."""
    blocks = [
        [
            [clipped_step(worse * one) for one in day[part * _BLOCK : (part + 1) * _BLOCK] if one is not None]
            for day in innovations
        ]
        for part in range(BLOCKS_A_DAY)
    ]
    heights = _heights(blocks, random.Random(seed))  # noqa: S311 - no secret
    heights.sort(reverse=True)
    often, seldom = (_height(heights, round(rate * MONTHS)) for rate in (_OFTEN, _SELDOM))
    slope = max(_LEAST_SLOPE, (seldom - often) / math.log(_OFTEN / _SELDOM))
    return Chance(max(CLIP, seldom), slope)


def _height(heights: Sequence[float], rank: int) -> float:
    return heights[rank - 1] if rank <= len(heights) else 0.0


def _heights(blocks: Sequence[Sequence[Sequence[float]]], draw: random.Random) -> list[float]:
    """The highest point of every excursion of the CUSUM above zero."""
    found = []
    height = top = 0.0
    for _ in range(MONTHS * DAYS_A_MONTH):
        for part in blocks:
            for step in draw.choice(part):
                height += step
                if height <= 0:
                    if top > 1:
                        found.append(top)
                    height = top = 0.0
                elif height > top:
                    top = height
    return found
