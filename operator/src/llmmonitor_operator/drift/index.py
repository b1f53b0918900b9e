"""The population stability index: how far a window's counts are from a reference.

PSI = sum (p - q) ln(p / q), the symmetrised Kullback-Leibler divergence (Jeffreys 1946), over counts + 0.5,
so that an empty bucket is no infinity. Of independent requests from the reference's own distribution, PSI /
(1/n + 1/m) is about chi-squared with as many degrees of freedom as there are buckets but one (Yurdakul and
Naranjo 2020), so that is what windows of unlike size are compared by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

_ADDED = 0.5
_SPARSE = 0.25
"""A bucket in which fewer are expected adds next to nothing, and no degree of freedom."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What is expected of one feature."""

    shares: Mapping[int, float]
    """By bucket; they add up to 1."""
    size: float
    """As good as so many requests."""


@dataclass(frozen=True, slots=True)
class Index:
    """How far one window is from a reference."""

    psi: float
    noise: float
    """1/n + 1/m."""
    degrees: int
    """Of freedom; at least 1."""
    n: int

    @property
    def statistic(self) -> float:
        """The index in units of its noise."""
        return self.psi / self.noise


def index(buckets: Mapping[int, int], reference: Reference) -> Index:
    """The index of these counts; there is at least one, and the reference is of something."""
    n, m = sum(buckets.values()), reference.size
    every = buckets.keys() | reference.shares.keys()
    k = len(every)
    psi, expected = 0.0, 0
    for bucket in every:
        share = reference.shares.get(bucket, 0.0)
        p = (buckets.get(bucket, 0) + _ADDED) / (n + _ADDED * k)
        q = (share * m + _ADDED) / (m + _ADDED * k)
        psi += (p - q) * math.log(p / q)
        expected += share * n >= _SPARSE
    return Index(psi, 1 / n + 1 / m, max(1, expected - 1), n)
