"""A mergeable histogram with a fixed relative error.

Bucket i holds values in (GAMMA^(i-1), GAMMA^i]; a value is reported as the bucket's midpoint in relative
terms, so that it is off by at most (GAMMA - 1) / (GAMMA + 1) = 0.99 % (DDSketch: Masson, Rim, Lee, VLDB 2019,
without its collapsing, which would make a merge depend on order). Values are >= 0; their unit is the field's
(seconds or tokens). Sums are kept as integers of 1e-9 units: float addition is not associative.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection, Sequence
from itertools import accumulate
from statistics import NormalDist
from typing import Annotated, TypeAlias

import msgspec

from llmmonitor_api.report.values import Count, Sum

LAYOUT = 1
"""Changes whenever GAMMA or the limits do; histograms of different layouts never merge."""
GAMMA = 1.02
RELATIVE_ERROR = (GAMMA - 1) / (GAMMA + 1)
SMALLEST = 1e-6
"""Values below count as zero (a microsecond; tokens are integers)."""
LARGEST = 1e9
"""Values above go to the overflow bucket."""
_PER_LOG = 1 / math.log(GAMMA)
_Index: TypeAlias = Annotated[
    int,
    msgspec.Meta(ge=math.floor(math.log(SMALLEST) * _PER_LOG), le=math.ceil(math.log(LARGEST) * _PER_LOG)),
]
_EXACT_RANKS_LIMIT = 2_000
_NEGLIGIBLE_DEVIATIONS = 9.0
"""Farther below its mean than so many standard deviations a binomial is less often than once in 1e18."""


class Interval(msgspec.Struct, frozen=True):
    """A two-sided interval; an end is None where the sample is too small to bound it."""

    low: float | None
    high: float | None


class Histogram(msgspec.Struct, omit_defaults=True):
    """Counts per log bucket. `record` changes it; everything else returns something new."""

    zero: Count = 0
    overflow: Count = 0
    sum_nano: Sum = 0
    """Sum of all values in 1e-9 of their unit."""
    buckets: dict[_Index, Count] = {}

    @property
    def count(self) -> int:
        """Number of values."""
        return self.zero + self.overflow + sum(self.buckets.values())

    @property
    def sum(self) -> float:
        """Sum of values, in their unit."""
        return self.sum_nano / 1e9

    def record(self, value: float, times: int = 1) -> None:
        """Add `value` `times` times.

        Raises:
            ValueError: if `value` is negative or not a number.
        """
        if not value >= 0:
            raise ValueError(f"a histogram takes values >= 0, got {value!r}")
        if value < SMALLEST:
            self.zero += times
        elif value > LARGEST:
            self.overflow += times
            value = LARGEST
        else:
            index = math.ceil(math.log(value) * _PER_LOG)
            self.buckets[index] = self.buckets.get(index, 0) + times
        self.sum_nano += round(value * 1e9) * times

    def value_at_rank(self, rank: int) -> float:
        """The `rank`-th smallest value (1-based), within RELATIVE_ERROR; LARGEST in overflow.

        Raises:
            ValueError: if there is no such rank.
        """
        if not 1 <= rank <= self.count:
            raise ValueError(f"rank {rank} of a histogram with {self.count} values")
        seen = self.zero
        if rank <= seen:
            return 0.0
        for index in sorted(self.buckets):
            seen += self.buckets[index]
            if rank <= seen:
                return float(2 * GAMMA**index / (GAMMA + 1))
        return LARGEST

    def quantile(self, q: float) -> float | None:
        """The q-quantile (0 < q <= 1), or None of nothing."""
        n = self.count
        return self.value_at_rank(_rank(q, n)) if n else None

    def quantile_interval(self, q: float, confidence: float = 0.95) -> Interval:
        """Distribution-free interval of the q-quantile from order statistics (David, Nagaraja, ch. 7.1)."""
        n = self.count
        low, high = _quantile_ranks(n, q, confidence)
        return Interval(
            low=self.value_at_rank(low) if low >= 1 else None,
            high=self.value_at_rank(high) if high <= n else None,
        )

    def quantiles(self, qs: Sequence[float], confidence: float = 0.95) -> list[tuple[float | None, Interval]]:
        """`quantile` and `quantile_interval` of each, by one walk over the buckets for all."""
        n = self.count
        if not n:
            return [(None, Interval(None, None)) for _ in qs]
        ranks = [(_rank(q, n), *_quantile_ranks(n, q, confidence)) for q in qs]
        values = self._values_at({rank for three in ranks for rank in three if 1 <= rank <= n})
        return [(values[rank], Interval(values.get(low), values.get(high))) for rank, low, high in ranks]

    def _values_at(self, ranks: Collection[int]) -> dict[int, float]:
        """`value_at_rank` of some ranks that there are."""
        found: dict[int, float] = {}
        indices = sorted(self.buckets)
        below = list(accumulate(map(self.buckets.__getitem__, indices), initial=self.zero))
        for rank in ranks:
            place = bisect_left(below, rank)  # so many buckets are needed to reach it
            if not place:
                found[rank] = 0.0
            elif place > len(indices):
                found[rank] = LARGEST
            else:
                found[rank] = 2 * GAMMA ** indices[place - 1] / (GAMMA + 1)
        return found

    def cumulative(self, bounds: tuple[float, ...]) -> list[int]:
        """How many values are <= each of `bounds` (ascending), exact up to a bucket's width at the bound."""
        edges = sorted((2 * GAMMA**index / (GAMMA + 1), n) for index, n in self.buckets.items())
        result, seen, at = [], self.zero, 0
        for bound in bounds:
            while at < len(edges) and edges[at][0] <= bound:
                seen += edges[at][1]
                at += 1
            result.append(seen)
        return result


def _rank(q: float, n: int) -> int:
    """Of the q-quantile of `n` values, 1-based."""
    return max(1, math.ceil(q * n))


def _quantile_ranks(n: int, q: float, confidence: float) -> tuple[int, int]:
    """Ranks (low, high) with P(X_low <= quantile < X_high) >= confidence; 0 and n + 1 mean unbounded."""
    tail = (1 - confidence) / 2
    if n > _EXACT_RANKS_LIMIT:
        z = NormalDist().inv_cdf(1 - tail)
        half = z * math.sqrt(n * q * (1 - q))
        return math.floor(n * q - half), math.ceil(n * q + half) + 1
    if q >= 1:
        return n, n + 1
    first = max(0, math.floor(n * q - _NEGLIGIBLE_DEVIATIONS * (1 + math.sqrt(n * q * (1 - q)))))
    below, low, high = 0.0, first, n + 1
    probability, odds = math.exp(_log_binomial(n, first, q)), q / (1 - q)
    for k in range(first, n + 1):  # below = P(Binomial(n, q) <= k)
        below += probability
        if below <= tail:
            low = k + 1
        if below >= 1 - tail:
            high = k + 1
            break
        probability *= odds * (n - k) / (k + 1)
    return low, high


def _log_binomial(n: int, k: int, q: float) -> float:
    choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return choose + k * math.log(q) + (n - k) * math.log1p(-q)
