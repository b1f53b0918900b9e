"""What is usual for one signal: by load and lengths, by the hour of the day, by its own last value.

The figure (a logarithm) is taken apart into what explains it (`slopes.py`), the level of the last three days,
the hour of the day (UTC), and what remains; of that, what its predecessor foretells (AR(1)) is removed, and
the rest divided by its standard deviation, which depends on the sample size. Medians throughout: a past
incident must not become what is usual.
The past is judged as the future will be, each day by the *other* days' hours and by the level before it
(cross-validation, Efron & Tibshirani 1993, ch. 17): else thresholds learnt from it are too low.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import msgspec

from llmmonitor_operator.anomalies.cell import CELLS_A_DAY
from llmmonitor_operator.anomalies.signals import Reading
from llmmonitor_operator.anomalies.slopes import CLIP, MAD_TO_SD, explained, slopes

HOURS = 24
LEVEL_DAYS = 3
"""A change that lasts longer than half of this is the new normal."""
_SLOTS = CELLS_A_DAY // HOURS
_LARGEST_PHI = 0.95
_SMALLEST_SD = 0.02
"""2 %: steadier figures are told as coarsely."""
_GROUPS = 6

Days = Mapping[int, Sequence[Reading | None]]
"""By the day (since 1970, UTC): a reading for each of its cells."""


def _between(slot: int) -> tuple[int, float, int]:
    at = (slot + 0.5) / _SLOTS - 0.5
    hour = math.floor(at)
    return hour % HOURS, at - hour, (hour + 1) % HOURS


_BETWEEN = tuple(map(_between, range(CELLS_A_DAY)))
"""For each cell of a day: the hour whose middle is before it, how far it is to the next, and that."""


class Usual(msgspec.Struct, frozen=True):
    """The baseline."""

    hours: tuple[float, ...]
    """The figure's natural logarithm in the middle of each hour of the day, UTC."""
    phi: float
    """How much of a deviation is left five minutes later."""
    variance: float
    """Of the innovation, however many requests there are."""
    variance_of_one: float
    """What is added to it, times 1/n."""
    slopes: tuple[float, ...] = ()
    """By how much the logarithm follows each of what explains it."""

    def deviation(self, slot: int, reading: Reading) -> float:
        """From what is usual in this cell of the day; natural logarithm.

        Hours are joined by straight lines: a step each hour would look like an anomaly.
        """
        hour, share, following = _BETWEEN[slot]
        log = reading.log - explained(reading, self.slopes)
        return log - (1 - share) * self.hours[hour] - share * self.hours[following]

    def standardised(self, deviation: float, before: float | None, n: float) -> float:
        """The innovation in standard deviations.

        Args:
            deviation: of this cell.
            before: of the cell before it; None when there was none.
            n: the sample size of this one.
        """
        scale = math.sqrt(self.variance + self.variance_of_one / n)
        if before is None:  # nothing foretells it: the deviation itself, whose variance is larger
            return deviation * math.sqrt(1 - self.phi**2) / scale
        return (deviation - self.phi * before) / scale


@dataclass(frozen=True, slots=True)
class Learnt:
    """A baseline, and what the history looks like by it."""

    usual: Usual
    innovations: tuple[tuple[float | None, ...], ...]
    """By day in order, then cell: standardised, by cross-validation."""


def learn(days: Days) -> Learnt:
    """The baseline of this history; it has some hours of readings at least."""
    order = sorted(days)
    along = slopes([one for day in order for one in days[day]])
    rest = {
        day: [None if one is None else one.log - explained(one, along) for one in days[day]] for day in order
    }
    hourly = {day: _hourly(rest[day]) for day in order}
    levels = {day: middle for day in order if (middle := _median(hourly[day])) is not None}
    season = _season(hourly, levels)
    level = {day: _level(hourly, season, range(day - LEVEL_DAYS, day)) for day in order}
    overall = median(levels.values())
    deviations: list[list[float | None]] = []
    for day in order:
        others = _season({other: hourly[other] for other in order if other != day}, levels)
        at = overall if (before := level[day]) is None else before
        usual = [
            at + (1 - share) * others[hour] + share * others[following] for hour, share, following in _BETWEEN
        ]
        deviations.append(
            [None if log is None else log - here for log, here in zip(rest[day], usual, strict=True)]
        )
    flat = [one for day in deviations for one in day]
    phi = _phi(flat)
    innovations = _innovations(flat, phi)
    sizes = [one.n if one else 1.0 for day in order for one in days[day]]
    variance, of_one = _variances(innovations, sizes)
    now = _level(hourly, season, range(order[-1] - LEVEL_DAYS + 1, order[-1] + 1))
    hours = tuple((overall if now is None else now) + hour for hour in season)
    standard = [
        None if e is None else e / math.sqrt(variance + of_one / n)
        for e, n in zip(innovations, sizes, strict=True)
    ]
    cut = range(0, len(standard), CELLS_A_DAY)
    return Learnt(
        Usual(hours, phi, variance, of_one, along),
        tuple(tuple(standard[at : at + CELLS_A_DAY]) for at in cut),
    )


def _hourly(logs: Sequence[float | None]) -> list[float | None]:
    rows = (logs[hour * _SLOTS : (hour + 1) * _SLOTS] for hour in range(HOURS))
    return [_mean([log for log in row if log is not None]) for row in rows]


def _season(hourly: Mapping[int, Sequence[float | None]], levels: Mapping[int, float]) -> list[float]:
    """By hour: the median over the days of what it is above its day's level; 0 where none is known."""
    return [
        _median([value - levels[day] for day, hours in hourly.items() if (value := hours[hour]) is not None])
        or 0.0
        for hour in range(HOURS)
    ]


def _level(
    hourly: Mapping[int, Sequence[float | None]], season: Sequence[float], days: Iterable[int]
) -> float | None:
    return _median(
        [
            value - season[hour]
            for day in days
            for hour, value in enumerate(hourly.get(day, ()))
            if value is not None
        ]
    )


def _phi(deviations: Sequence[float | None]) -> float:
    """Lag-one autocorrelation, of what is cut off at four robust standard deviations."""
    limit = CLIP * max(_SMALLEST_SD, MAD_TO_SD * median([abs(one) for one in deviations if one is not None]))
    clipped = [None if one is None else max(-limit, min(limit, one)) for one in deviations]
    pairs = [(a, b) for a, b in pairwise(clipped) if a is not None and b is not None]
    square = sum([a * a for a, _ in pairs])
    return max(0.0, min(_LARGEST_PHI, sum([a * b for a, b in pairs]) / square)) if square else 0.0


def _innovations(deviations: Sequence[float | None], phi: float) -> list[float | None]:
    found: list[float | None] = []
    alone = math.sqrt(1 - phi**2)
    before: float | None = None
    for one in deviations:
        if one is None:
            found.append(None)
        else:
            found.append(one * alone if before is None else one - phi * before)
        before = one
    return found


def _variances(innovations: Sequence[float | None], sizes: Sequence[float]) -> tuple[float, float]:
    """A straight line over 1/n through the robust variances of groups of like sample size."""
    known = sorted((n, e) for e, n in zip(innovations, sizes, strict=True) if e is not None)
    length = math.ceil(len(known) / _GROUPS)
    groups = [known[at : at + length] for at in range(0, len(known), length)]
    xs = [_mean([1 / n for n, _ in group]) or 0.0 for group in groups]
    ys = [(MAD_TO_SD * median([abs(e) for _, e in group])) ** 2 for group in groups]
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - x_mean) ** 2 for x in xs)
    slope = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / spread if spread else 0.0
    slope = max(0.0, min(slope, y_mean / x_mean))
    return max(_SMALLEST_SD**2, y_mean - slope * x_mean), slope


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
