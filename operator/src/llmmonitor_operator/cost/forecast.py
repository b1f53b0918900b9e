"""What days to come will cost, with an 80 % interval, from days that were.

Method: simple exponential smoothing as a state space model, whose forecast of a sum has the variance
sigma² · sum over j of (w_j + alpha · sum of the later w)² (Snyder, Koehler and Ord, "Lead time demand for
simple exponential smoothing", J. Oper. Res. Soc. 50, 1999). With alpha 0 days vary around one level, with 1
each begins where the last ended: some days cannot tell which, so all are averaged by their posterior weight
(flat prior over alpha and level, 1/sigma over sigma), and the whole is given Student's t of its variance. The
scatter is never taken for less than a tenth of a mean day seen once: seven equal days promise no eighth. From
three weeks on weekdays have effects, shrunk by how clearly they stand out (positive part of 1 - 1/F).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from llmmonitor_operator.distributions.student import two_sided

FULL_DAYS_NEEDED = 7
DAYS_USED = 56
"""Eight weeks: an older level says nothing of this month's."""
PROBABILITY = 0.8
_WEEKDAYS = 7
_WEEKS_FOR_WEEKDAYS = 3
_ALPHAS = tuple(step / 10 for step in range(11))
_LEAST_SCATTER = 0.1


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of a sum."""

    expected: float
    low: float
    """The lower end of the 80 % interval: one time in ten it comes to less."""
    high: float


@dataclass(frozen=True, slots=True)
class _Level:
    """The days by one alpha."""

    alpha: float
    weight: float
    level: float
    """Of the day after the last."""
    variance: float
    """Of one day around it."""
    slope: float
    """How much `level` grows with the level at the beginning, in whose standard error it was estimated."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is known of a day to come."""

    levels: tuple[_Level, ...]
    weekdays: tuple[float, ...]
    """What each day of the week is above the level."""
    degrees: int
    """Of freedom."""
    next_weekday: int

    def of_sum(self, weights: Sequence[float]) -> Forecast:
        """The sum of the days to come, each by its weight; the first is the day after the last known one."""
        whole = sum(weights)
        later = [whole - so_far for so_far in accumulate(weights)]
        mean = second = 0.0
        for one in self.levels:
            expected = whole * one.level
            spread = sum((w + one.alpha * rest) ** 2 for w, rest in zip(weights, later, strict=True))
            variance = one.variance * (spread + (whole * one.slope) ** 2)
            mean += one.weight * expected
            second += one.weight * (expected**2 + variance * self.degrees / (self.degrees - 2))
        variance = max(0.0, second - mean**2) * (self.degrees - 2) / self.degrees
        half = two_sided(PROBABILITY, self.degrees) * math.sqrt(variance)
        place = self.next_weekday
        mean += sum(w * self.weekdays[(place + n) % _WEEKDAYS] for n, w in enumerate(weights))
        return Forecast(mean, mean - half, mean + half)


@lru_cache(maxsize=1024)  # the same days are asked about at every look until midnight
def fitted(days: tuple[float, ...], next_weekday: int) -> Fitted:
    """From whole days that follow one another.

    Args:
        days: what each cost, the newest last; at least FULL_DAYS_NEEDED.
        next_weekday: of the day after the last, 0 for Monday.

    Raises:
        ValueError: there are too few.
    """
    if len(days) < FULL_DAYS_NEEDED:
        raise ValueError(f"{len(days)} days; a forecast needs {FULL_DAYS_NEEDED}")
    used = days[-DAYS_USED:]
    weekdays, degrees = _weekdays(used, next_weekday)
    level_days = [
        day - weekdays[(next_weekday - len(used) + place) % _WEEKDAYS] for place, day in enumerate(used)
    ]
    found = [_level(level_days, alpha, degrees) for alpha in _ALPHAS]
    best = max(weight for _, weight in found)
    weights = [math.exp(weight - best) for _, weight in found]
    levels = tuple(
        _Level(one.alpha, weight / sum(weights), one.level, one.variance, one.slope)
        for (one, _), weight in zip(found, weights, strict=True)
    )
    return Fitted(levels, weekdays, degrees, next_weekday)


def _level(days: Sequence[float], alpha: float, degrees: int) -> tuple[_Level, float]:
    """The days by one alpha, and the logarithm of its posterior weight.

    Each error is linear in the level at the beginning, which is therefore found by least squares.
    """
    level, slope = 0.0, 1.0
    products = squares = 0.0
    errors = []
    for day in days:
        error = day - level
        errors.append((error, slope))
        products += error * slope
        squares += slope * slope
        level += alpha * error
        slope *= 1 - alpha
    begin = products / squares
    scatter = sum((error - begin * by) ** 2 for error, by in errors)
    scatter += (_LEAST_SCATTER * sum(map(abs, days)) / len(days)) ** 2
    weight = -0.5 * math.log(squares)
    if scatter:  # else nothing was ever spent, and all alphas say the same
        weight -= degrees / 2 * math.log(scatter)
    last = slope / math.sqrt(squares)
    return _Level(alpha, 0.0, level + begin * slope, scatter / degrees, last), weight


def _weekdays(days: Sequence[float], next_weekday: int) -> tuple[tuple[float, ...], int]:
    """What each weekday is above its own week, shrunk, and the degrees of freedom that are left."""
    none = (0.0,) * _WEEKDAYS, len(days) - 1
    if len(days) < _WEEKS_FOR_WEEKDAYS * _WEEKDAYS:
        return none
    above: list[list[float]] = [[] for _ in range(_WEEKDAYS)]
    for place, day in enumerate(days):
        begin = min(max(0, place - _WEEKDAYS // 2), len(days) - _WEEKDAYS)
        week = sum(days[begin : begin + _WEEKDAYS]) / _WEEKDAYS
        above[(next_weekday - len(days) + place) % _WEEKDAYS].append(day - week)
    means = [sum(some) / len(some) for some in above]
    between = sum(len(some) * mean**2 for some, mean in zip(above, means, strict=True)) / (_WEEKDAYS - 1)
    left = len(days) - _WEEKDAYS
    inside = sum((one - mean) ** 2 for some, mean in zip(above, means, strict=True) for one in some) / left
    if between <= inside:
        return none
    shrunk = 1 - inside / between
    return tuple(shrunk * mean for mean in means), left
