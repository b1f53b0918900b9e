"""Intervals of figures that were counted in stretches of time, which are alike within themselves.

Requests of the same minutes fare alike, so their number alone promises too much. Both intervals here are of
clusters (Cochran, "Sampling Techniques", 3rd ed. 1977, ch. 6 and 9): the variance is estimated between
stretches, for a share as the design effect by which the sample counts for less (Kish 1965; Wilson's interval
with the effective size: Korn & Graubard 1998), for a mean as that of a ratio estimator, with Student's t.
Stretches that follow one another are still alike, so the longer they are the better they cover.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llmmonitor_operator.distributions.student import two_sided
from llmmonitor_operator.evaluate.wording import wilson_interval

PROBABILITY = 0.95
FEWEST_STRETCHES = 4
"""A variance between fewer is no estimate."""


@dataclass(frozen=True, slots=True)
class Estimated:
    """A figure with its 95 % interval; ends are None where there are too few stretches for one."""

    value: float
    low: float | None
    high: float | None
    n: float
    """Of what it is a figure."""
    stretches: int


def share(parts: Sequence[tuple[float, float]]) -> Estimated | None:
    """The share of events that are of a kind.

    Args:
        parts: of each stretch: how many are of it, and how many there are.

    None without any event.
    """
    known = [(part, whole) for part, whole in parts if whole > 0]
    n = sum(whole for _, whole in known)
    if not n:
        return None
    p = min(1.0, sum(part for part, _ in known) / n)
    k = len(known)
    if k < FEWEST_STRETCHES:
        return Estimated(p, None, None, n, k)
    between = k / (k - 1) * sum((part - p * whole) ** 2 for part, whole in known) / n**2
    alone = p * (1 - p) / n
    effect = max(1.0, between / alone) if alone > 0 else 1.0
    effective = n / effect
    low, high = wilson_interval(p * effective, effective, two_sided(PROBABILITY, k - 1))
    return Estimated(p, low, high, n, k)


def share_alone(part: int, whole: int) -> Estimated | None:
    """The share in one stretch, with Wilson's interval as if events were independent; None without any."""
    if not whole:
        return None
    low, high = wilson_interval(part, whole)
    return Estimated(part / whole, low, high, whole, 1)


def geometric_mean(parts: Sequence[tuple[float, float]]) -> Estimated | None:
    """The mean of values whose logarithms are known by the stretch.

    Args:
        parts: of each stretch: the mean natural logarithm, and of how many values.

    None without any value.
    """
    known = [(log, size) for log, size in parts if size > 0]
    n = sum(size for _, size in known)
    if not n:
        return None
    mean = sum(log * size for log, size in known) / n
    k = len(known)
    if k < FEWEST_STRETCHES:
        return Estimated(math.exp(mean), None, None, n, k)
    between = k / (k - 1) * sum((size / n) ** 2 * (log - mean) ** 2 for log, size in known)
    half = two_sided(PROBABILITY, k - 1) * math.sqrt(between)
    return Estimated(math.exp(mean), math.exp(mean - half), math.exp(mean + half), n, k)
