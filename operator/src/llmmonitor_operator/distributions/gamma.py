"""Upper tails of the gamma distribution.

By the series and the continued fraction of the incomplete gamma function (Abramowitz and Stegun 1964, 6.5.29
and 6.5.31; DLMF 8.9.2), which meet at x = shape + 1.
"""

from __future__ import annotations

import math
from functools import lru_cache

_TERMS = 10_000
_PRECISION = 1e-14
_TINY = 1e-300
_STEPS = 80


def log_upper_tail(x: float, shape: float) -> float:
    """The logarithm of P(X > x) for X of this shape and of scale 1."""
    if x <= 0:
        return 0.0
    front = shape * math.log(x) - x - math.lgamma(shape)
    if x < shape + 1:
        lower = math.exp(front + math.log(_series(x, shape)))
        return math.log1p(-lower) if lower < 1 else -math.inf
    return front + math.log(_continued_fraction(x, shape))


@lru_cache(maxsize=1024)
def upper_quantile(probability: float, shape: float) -> float:
    """The x with P(X > x) = `probability`, 0 < probability < 1, for scale 1; to twelve digits."""
    wanted = math.log(probability)
    low, high = 0.0, max(1.0, 2 * shape)
    while log_upper_tail(high, shape) > wanted:
        low, high = high, 2 * high
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if log_upper_tail(middle, shape) > wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def chi_squared_quantile(probability: float, degrees: float) -> float:
    """The x that a chi-squared of these degrees of freedom passes with this probability."""
    return 2 * upper_quantile(probability, degrees / 2)


def _series(x: float, shape: float) -> float:
    term = total = 1 / shape
    for n in range(1, _TERMS):
        term *= x / (shape + n)
        total += term
        if term < total * _PRECISION:
            break
    return total


def _continued_fraction(x: float, shape: float) -> float:
    """By Lentz's method (Press et al., Numerical Recipes, 3rd ed., section 5.2)."""
    b = x + 1 - shape
    c, d = 1 / _TINY, 1 / b
    value = d
    for n in range(1, _TERMS):
        a = -n * (n - shape)
        b += 2
        d = a * d + b
        d = 1 / (d if abs(d) > _TINY else _TINY)
        c = b + a / c
        c = c if abs(c) > _TINY else _TINY
        step = c * d
        value *= step
        if abs(step - 1) < _PRECISION:
            break
    return value
