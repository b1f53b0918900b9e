"""Ratios of paired rounds and what they are worth: medians, spread, bootstrap intervals, verdicts. Pure.

Machines are shared and noisy, so nothing absolute is claimed: both sides are measured in every round, the
round's ratio is the datum, and a target counts as met or missed only where the 95 % percentile-bootstrap
interval of the median (Efron & Tibshirani 1993, ch. 13) lies wholly on one side of it.
"""

import math
import random
import statistics
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

RESAMPLES = 4000
Verdict = Literal["met", "missed", "indistinguishable"]


class Estimate(msgspec.Struct, frozen=True):
    """A median over rounds with its 95 % bootstrap interval and its spread (median absolute deviation)."""

    median: float
    low: float
    high: float
    spread: float
    rounds: int


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, linearly interpolated; nan for none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def bootstrap(values: Sequence[float], seed: int = 7) -> tuple[float, float]:
    """The 95 % percentile-bootstrap interval of the median of `values`, reproducible by `seed`."""
    chance = random.Random(seed)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return medians[int(0.025 * RESAMPLES)], medians[int(0.975 * RESAMPLES) - 1]


def estimate(values: Sequence[float]) -> Estimate | None:
    """The estimate from one value per round; None where no finite value is left."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    middle = statistics.median(finite)
    low, high = bootstrap(finite)
    spread = statistics.median(abs(value - middle) for value in finite)
    return Estimate(middle, low, high, spread, len(finite))


def ratios(
    ours: Sequence[float], peers: Sequence[float], directs: Sequence[float] | None = None
) -> list[float]:
    """Round by round ours ÷ peer; with `directs`, (ours - direct) ÷ (peer - direct): what each one adds.

    A round in which the peer added nothing measurable has no ratio: nan, and left out by `estimate`.
    """
    base = directs if directs is not None else [0.0] * len(ours)
    return [
        (our - direct) / (peer - direct) if peer - direct > 0 else math.nan
        for our, peer, direct in zip(ours, peers, base, strict=True)
    ]


def verdict(of: Estimate, target: float, *, at_least: bool) -> Verdict:
    """Whether the whole interval lies on the good side of the target, on the bad one, or on both."""
    good: Callable[[float], bool] = (lambda x: x >= target) if at_least else (lambda x: x <= target)
    if good(of.low) and good(of.high):
        return "met"
    if not good(of.low) and not good(of.high):
        return "missed"
    return "indistinguishable"
