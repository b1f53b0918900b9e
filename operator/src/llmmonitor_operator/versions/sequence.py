"""A confidence sequence for the mean of differences: an interval that may be looked at at any time.

A t-test's interval holds at one moment chosen beforehand; who looks every minute and stops when it excludes
zero is wrong far more often than it says. This one holds at all moments at once, without any assumption on
the differences' distribution but that each lies in [-1, 1]. They need not be alike: where their means drift,
it holds for the mean of these.

Method: for X in [-1, 1], a prediction x of it made before, c = 1 + LARGEST_PREDICTION and any λ in (0, 1),
exp(λ(ΣX - Σμ)/c - ψ(λ)Σ(X - x)²/c²) with ψ(λ) = -log(1 - λ) - λ is a nonnegative supermartingale, since
exp(λξ - ψ(λ)ξ²) <= 1 + λξ for ξ >= -1 (Fan, Grama & Liu 2015; empirical Bernstein in Howard, Ramdas,
McAuliffe & Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Ann. Stat. 2021,
theorem 4). A mean of such over several λ is one too (discrete mixtures, ibid.), and by Ville's inequality it
ever reaches 1/e with probability at most e. So three sums are all that need be kept.
"""

from __future__ import annotations

import math

import msgspec

LARGEST_PREDICTION = 0.25
"""Predictions are clipped here: versions seldom differ by more, and the smaller the scale, the tighter."""
_SCALE = 1 + LARGEST_PREDICTION
_BETS = tuple(0.95 * 0.7**place for place in range(16))
"""Each λ of the mixture, all of one weight. The smallest is the best after millions of differences."""
_CURVES = tuple((bet / _SCALE, -(math.log1p(-bet) + bet) / _SCALE**2) for bet in _BETS)
_BISECTIONS = 40


class Evidence(msgspec.Struct, frozen=True, array_like=True):
    """All that is known of differences in [-1, 1]."""

    n: int = 0
    total: float = 0.0
    variation: float = 0.0
    """Sum of squared distances to what was predicted."""

    @property
    def mean(self) -> float:
        """Of the differences; 0 without any."""
        return self.total / self.n if self.n else 0.0


def observed(evidence: Evidence, difference: float) -> Evidence:
    """The evidence with one difference more, predicted by the mean of those before.

    Raises:
        ValueError: it is outside [-1, 1].
    """
    if not -1 <= difference <= 1:
        raise ValueError(f"a difference of {difference}; shares differ by at most 1")
    guess = evidence.total / (evidence.n + 1)
    guess = max(-LARGEST_PREDICTION, min(LARGEST_PREDICTION, guess))
    return Evidence(
        evidence.n + 1, evidence.total + difference, evidence.variation + (difference - guess) ** 2
    )


def is_above(evidence: Evidence, mean: float, error: float) -> bool:
    """Whether the differences' mean is larger than `mean`, at an error rate of `error` over all time."""
    return _exceeds(evidence.total - evidence.n * mean, evidence.variation, error)


def is_below(evidence: Evidence, mean: float, error: float) -> bool:
    """Whether it is smaller, likewise."""
    return _exceeds(evidence.n * mean - evidence.total, evidence.variation, error)


def interval(evidence: Evidence, error: float) -> tuple[float, float]:
    """The mean lies in it at all times, but with probability `error`; (-1, 1) where nothing is known yet."""
    if not evidence.n:
        return -1.0, 1.0
    low, high = 0.0, 2.0 * evidence.n
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _exceeds(middle, evidence.variation, error / 2):
            high = middle
        else:
            low = middle
    radius = high / evidence.n
    return max(-1.0, evidence.mean - radius), min(1.0, evidence.mean + radius)


def _exceeds(distance: float, variation: float, error: float) -> bool:
    """Whether the mixture has reached 1/error for differences that sum to so much more than was claimed."""
    if distance <= 0:
        return False
    limit = -math.log(error)
    exponents = [slope * distance - penalty * variation for slope, penalty in _CURVES]
    most = max(exponents)
    if most < limit:
        return False  # as nearly always: a mean is no larger than its largest part
    return math.fsum(math.exp(one - most) for one in exponents) >= len(_CURVES) * math.exp(limit - most)
