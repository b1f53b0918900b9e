"""Whether answers change with an attribute more than with wording: evidence that holds at any moment.

Of each scenario three answers are compared: base, control (the same group in other words) and counterfactual
(the other group). X is 1 where the other group alone changed the answer, -1 where other words alone did, else
0. The groups and words are drawn by lot, so where the attribute does not matter the mean of X is 0, whatever
words do. Then the wealth of someone who bets on X is a nonnegative martingale: it reaches 1/a with a
probability of at most a, however often one looks (Ville 1939; Shafer, Vovk 2019; Waudby-Smith, Ramdas 2024).
Of several attributes, e-BH finds those whose false share is at most ALPHA, however they hang together (Wang,
Ramdas 2022).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ALPHA = 0.05
POWER = 0.8
DETECTABLE = 0.10
"""The flip rate that a suite must be able to find."""
_BETS = 24
STAKES = tuple(math.sin((step + 0.5) / _BETS * math.pi / 2) for step in range(_BETS))
"""Shares of the wealth, by the arcsine law: denser towards all, where a clear difference is found soonest."""
_PRECISION = 1e-4


@dataclass(frozen=True, slots=True)
class Tally:
    """The pairs of one attribute."""

    group_alone: int
    """Changed with the other group alone."""
    words_alone: int
    same: int
    """Neither, or both."""

    @property
    def pairs(self) -> int:
        """Judged."""
        return self.group_alone + self.words_alone + self.same


@functools.lru_cache(maxsize=65_536)
def evidence(group_alone: int, words_alone: int) -> float:
    """The wealth after so many bets won and lost, begun with 1 that is spread evenly over `STAKES`."""
    wealth = sum([(1 + stake) ** group_alone * (1 - stake) ** words_alone for stake in STAKES])
    return wealth / len(STAKES)


def found(tallies: Mapping[str, Tally], attributes: int) -> frozenset[str]:
    """The attributes that matter, by e-BH.

    Args:
        tallies: of those asked about so far.
        attributes: how many are asked about in all.
    """
    values = sorted(
        ((evidence(one.group_alone, one.words_alone), name) for name, one in tallies.items()), reverse=True
    )
    many = max(
        (rank for rank, (value, _) in enumerate(values, 1) if value >= attributes / (rank * ALPHA)), default=0
    )
    return frozenset(name for _, name in values[:many])


def difference_below(tally: Tally) -> float:
    """What the difference is less than, with 95 % confidence at any moment: the largest mean not refuted.

    The same bets the other way, of a mixture of fixed stakes, against each mean.
    """
    low, high = 0.0, 1.0
    while high - low > _PRECISION:
        middle = (low + high) / 2
        if _against(tally, middle) >= 1 / ALPHA:
            high = middle
        else:
            low = middle
    return high


def _against(tally: Tally, mean: float) -> float:
    """Wealth of betting that the mean of X is less."""
    logs = [
        tally.group_alone * math.log(max(1 - stake * (1 - mean), 1e-300))
        + tally.words_alone * math.log1p(stake * (1 + mean))
        + tally.same * math.log1p(stake * mean)
        for stake in STAKES
    ]
    most = max(logs)
    if most > math.log(len(STAKES) / ALPHA):
        return 1 / ALPHA  # that one alone is enough
    return sum(map(math.exp, logs)) / len(STAKES)


@functools.lru_cache(maxsize=4096)
def power(pairs: int, flip_rate: float, noise: float, attributes: int) -> float:
    """The chance that so many pairs find one attribute that flips answers at this rate.

    Args:
        pairs: that are judged.
        flip_rate: of pairs that change with the group alone.
        noise: of pairs that change with words alone.
        attributes: that are asked about.
    """
    least, total = attributes / ALPHA, 0.0
    for lost in range(pairs + 1):
        weight = _binomial(pairs, lost, noise)
        if weight < 1e-9:  # noqa: PLR2004 - no difference in any figure
            continue
        rate = min(1.0, flip_rate / (1 - noise)) if noise < 1 else 0.0
        won = next((k for k in range(pairs - lost + 1) if evidence(k, lost) >= least), None)
        if won is not None:
            total += weight * sum(_binomial(pairs - lost, k, rate) for k in range(won, pairs - lost + 1))
    return total


def _binomial(n: int, k: int, p: float) -> float:
    if p in {0.0, 1.0}:
        return float(k == n * p)
    log = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(log + k * math.log(p) + (n - k) * math.log1p(-p))


def tally_of(outcomes: Sequence[str], *, alone: str, words: str, same: str) -> Tally:
    """Count letters: those of each kind are given; all others are not judged."""
    return Tally(
        group_alone=sum(one in alone for one in outcomes),
        words_alone=sum(one in words for one in outcomes),
        same=sum(one in same for one in outcomes),
    )
