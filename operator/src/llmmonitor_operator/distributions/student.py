"""Quantiles of Student's t for whole degrees of freedom."""

from __future__ import annotations

import math
from functools import lru_cache

_STEPS = 60


def central_probability(t: float, degrees: int) -> float:
    """P(|T| <= t), t >= 0; a finite sum (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4)."""
    angle = math.atan2(t, math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    if degrees == 1:
        return 2 * angle / math.pi
    odd = degrees % 2
    term = total = cosine if odd else 1.0
    for n in range(2 + odd, degrees - 1, 2):
        term *= cosine**2 * (n - 1) / n
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


@lru_cache(maxsize=256)
def two_sided(probability: float, degrees: int) -> float:
    """The t with P(|T| <= t) = `probability`, 0 < probability < 1, degrees >= 1; to nine digits."""
    low, high = 0.0, 1.0
    while central_probability(high, degrees) < probability:
        high *= 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if central_probability(middle, degrees) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2
