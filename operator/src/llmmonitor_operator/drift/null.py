"""How far chance alone takes a window from its reference: fitted to the monitor's own past.

Requests come in clusters (clients, sessions), so an index varies more than that of independent ones. The
gamma distribution with mean and variance of the statistics of the baseline's own windows, each against the
others, says how much (the same two moments by which Satterthwaite 1946 approximates a weighted sum of
chi-squareds, which the statistic of clustered counts is: Rao and Scott 1981). A threshold is never below
that of independent requests.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import msgspec

from llmmonitor_operator.distributions.gamma import chi_squared_quantile, upper_quantile
from llmmonitor_operator.drift.index import Index

WINDOWS_NEEDED = 40
_POWER_DEVIATIONS = 0.8416
"""Of a normal distribution, below which 80 % of it lie."""


class Null(msgspec.Struct, frozen=True):
    """One feature's statistic (`Index.statistic`) where nothing has changed."""

    mean: float
    variance: float
    degrees: float
    """Of freedom, were requests independent."""
    noise: float
    """1/n + 1/m of the windows it is fitted to, their median."""
    windows: int

    @property
    def overdispersion(self) -> float:
        """How many times as large the statistic is as that of independent requests."""
        return self.mean / self.degrees

    def threshold(self, alpha: float, index: Index) -> float:
        """The PSI that chance alone passes with probability `alpha`.

        Not lower for a window of more requests than those of the baseline: clusters grow with it.
        """
        return self._quantile(alpha, index.degrees) * max(index.noise, self.noise)

    def found_from(self, alpha: float, index: Index) -> float:
        """The true PSI from which on a window passes the threshold 8 times in 10 (non-central)."""
        over = self._quantile(alpha, index.degrees) - self.mean
        spread, square = 4 * self.overdispersion * _POWER_DEVIATIONS**2, _POWER_DEVIATIONS**2 * self.variance
        half = over + spread / 2
        shift = half + math.sqrt(max(0.0, half**2 - over**2 + square))
        return shift * max(index.noise, self.noise)

    def _quantile(self, alpha: float, degrees: int) -> float:
        independent = chi_squared_quantile(alpha, degrees)
        if self.variance <= 0:
            return independent
        scale = self.variance / self.mean
        return max(independent, scale * upper_quantile(alpha, self.mean / scale))


def fitted(indexes: Sequence[Index]) -> Null | None:
    """From the baseline's own windows, each against the others; None of fewer than WINDOWS_NEEDED."""
    if len(indexes) < WINDOWS_NEEDED:
        return None
    found = [one.statistic for one in indexes]
    return Null(
        mean=statistics.fmean(found),
        variance=statistics.variance(found),
        degrees=statistics.fmean(one.degrees for one in indexes),
        noise=statistics.median(one.noise for one in indexes),
        windows=len(found),
    )
