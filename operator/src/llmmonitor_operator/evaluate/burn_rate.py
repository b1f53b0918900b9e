"""Multi-window, multi-burn-rate alerting (Google SRE Workbook, chapter 5, "Alerting on SLOs", method 6).

A burn rate is how many times faster than allowed the error budget is spent: bad / (events x (1 - target)).
A pair of windows fires when the burn rate reaches its factor over the long window (enough of the budget is
gone) and over the short one, a twelfth of it (it is still going on). For an objective's window W the long
windows are W/720, W/120 and W/10, which for 30 days are the workbook's 1 h, 6 h and 3 d; none is under 30 s.
Reaching is >=, in exact fractions, so that a target at which a factor means "everything bad" can still fire.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import msgspec

from llmmonitor_operator.windows import Count

SHORTEST_SECONDS = 30.0
BAD_EVENTS_NEEDED = 5
_FACTORS = ((Fraction("14.4"), 720), (Fraction(6), 120), (Fraction(1), 10))
_SHORT = 12
_RULE_OF_THREE = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """A burn rate and the two windows over which it must be reached."""

    factor: Fraction
    long_seconds: float
    short_seconds: float

    def reachable(self, budget: Fraction) -> bool:
        """Whether a model that fails every request would reach it."""
        return self.factor * budget <= 1


class Burn(msgspec.Struct, frozen=True):
    """What a pair's windows hold."""

    pair: Pair
    long: Count
    short: Count
    budget: Fraction

    @property
    def long_rate(self) -> Fraction | None:
        """Burn rate over the long window, None without events."""
        return burn_rate(self.long, self.budget)

    @property
    def short_rate(self) -> Fraction | None:
        """Burn rate over the short window, None without events."""
        return burn_rate(self.short, self.budget)

    @property
    def sustained(self) -> Fraction:
        """The lower of the two rates, which decides; 0 where a window has no events."""
        return min(self.long_rate or Fraction(0), self.short_rate or Fraction(0))

    @property
    def fires(self) -> bool:
        """Whether both windows reach the factor, with enough bad events not to be chance."""
        return self.long.bad >= BAD_EVENTS_NEEDED and self.sustained >= self.pair.factor


def burn_rate(count: Count, budget: Fraction) -> Fraction | None:
    """How many times too fast the budget is spent; None without events."""
    return Fraction(count.bad, count.total) / budget if count.total else None


def pairs(window_seconds: float) -> tuple[Pair, ...]:
    """The three pairs of an objective's window, the most urgent first."""
    longs = [(factor, window_seconds / part) for factor, part in _FACTORS]
    return tuple(
        Pair(factor, max(SHORTEST_SECONDS, long), max(SHORTEST_SECONDS, long / _SHORT))
        for factor, long in longs
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """What can be judged of an objective, whatever happens."""

    pairs: tuple[Pair, ...]
    """Those that its target can reach, the most urgent first."""
    unreachable: tuple[Pair, ...]
    events_needed: int


def reach(window_seconds: float, budget: Fraction) -> Reach:
    """Of a window and an error budget."""
    every = pairs(window_seconds)
    reachable = tuple(pair for pair in every if pair.reachable(budget))
    unreachable = tuple(pair for pair in every if pair not in reachable)
    return Reach(reachable, unreachable, events_needed(reachable, budget))


def events_needed(reachable: tuple[Pair, ...], budget: Fraction) -> int:
    """How many events it takes to say that an objective holds.

    By the rule of three, n events without a bad one exclude with 95 % confidence a bad share above 3/n. With
    fewer than 3 / (factor x budget) of the greatest factor that can be reached, not even the fastest burn
    could be excluded; and fewer than BAD_EVENTS_NEEDED could never have fired.
    """
    greatest = max((pair.factor for pair in reachable), default=Fraction(1))
    return max(BAD_EVENTS_NEEDED, math.ceil(_RULE_OF_THREE / (greatest * budget)))
