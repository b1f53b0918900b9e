"""How far a figure follows what explains it: the load, and the lengths of prompts or answers.

Least squares of the changes from one cell to the next, not of the values: what changes slowly and for another
reason (a version, a time of day) would else be taken for an effect of the load. Changes beyond four robust
standard deviations are cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from llmmonitor_operator.anomalies.signals import Reading

MAD_TO_SD = 1.4826
"""Standard deviations in a median absolute deviation of a normal distribution."""
CLIP = 4.0
"""Robust standard deviations at which what is learnt from is cut off."""
_LARGEST = 2.0
"""A figure that is as the square of the load is as steep as can be believed."""


def explained(reading: Reading, along: Sequence[float]) -> float:
    """The part of the reading's logarithm that load and lengths explain."""
    return sum([slope * x for slope, x in zip(along, reading.given, strict=True)])


def slopes(readings: Sequence[Reading | None]) -> tuple[float, ...]:
    """One for each of `given`, which are two or none; zeros where they never change."""
    pairs = [(a, b) for a, b in pairwise(readings) if a and b]
    width = len(next((one.given for one in readings if one), ()))
    if not width or not pairs:
        return (0.0,) * width
    ys = [b.log - a.log for a, b in pairs]
    limit = CLIP * MAD_TO_SD * median([abs(y) for y in ys])
    ys = [max(-limit, min(limit, y)) for y in ys]
    columns = [[b.given[place] - a.given[place] for a, b in pairs] for place in range(2)]
    (aa, ab), (_, bb) = ([_dot(one, other) for other in columns] for one in columns)
    ay, by = (_dot(one, ys) for one in columns)
    determinant = aa * bb - ab * ab
    if determinant > 1e-6 * (aa * bb):
        found = (ay * bb - by * ab) / determinant, (by * aa - ay * ab) / determinant
    else:
        found = (ay / aa if aa else 0.0, 0.0) if aa >= bb else (0.0, by / bb)
    return tuple(max(-_LARGEST, min(_LARGEST, slope)) for slope in found)


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum([a * b for a, b in zip(one, other, strict=True)])
