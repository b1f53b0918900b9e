"""Two weeks of real clients, and months made of them.

`bench/data/servegen_m_small_*` (see `derive.py`): per client, requests/s and burstiness every ten minutes,
and lengths every six hours. A monitor's traffic is some of these clients, thinned to the traffic of one
model; its months are quarters of days drawn at random, all clients together, each at its own time of day and
weekdays for weekdays (a seasonal block bootstrap), so that what clients do together they do in the months
too.
"""

import csv
import gzip
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from bench.anomaly.derive import LENGTH_SECONDS, LENGTHS, RATE_SECONDS, RATES

DAYS = 14
PERIODS_A_BLOCK = LENGTH_SECONDS // RATE_SECONDS
BLOCKS_A_DAY = 86_400 // LENGTH_SECONDS
_WEEK, _WORKDAYS = 7, 5


@dataclass(frozen=True, slots=True)
class Lengths:
    """Moments of the logarithms of token counts."""

    prompt_mean: float
    prompt_sd: float
    completion_mean: float
    completion_sd: float


@dataclass(slots=True)
class Client:
    """One client's two weeks."""

    number: int
    rates: dict[int, tuple[float, float]] = field(default_factory=dict)
    """By period of ten minutes: requests/s and coefficient of variation of the gaps."""
    lengths: dict[int, Lengths] = field(default_factory=dict)
    """By period of six hours."""


@dataclass(frozen=True, slots=True)
class Period:
    """Ten minutes of one client."""

    client: int
    rate: float
    variation: float
    lengths: Lengths


@cache
def clients() -> tuple[Client, ...]:
    """All of them."""
    found: dict[int, Client] = {}
    for client, period, rate, variation in _rows(str(RATES)):
        one = found.setdefault(int(client), Client(int(client)))
        one.rates[int(period)] = float(rate), float(variation)
    for client, period, *moments in _rows(str(LENGTHS)):
        found[int(client)].lengths[int(period)] = Lengths(*map(float, moments))
    return tuple(found.values())


def periods(chosen: Sequence[Client], days: int, draw: random.Random) -> Iterator[list[Period]]:
    """Ten minutes after ten minutes for so many days: the clients that sent requests in them."""
    by_kind = defaultdict(list)
    for day in range(DAYS):
        by_kind[day % _WEEK < _WORKDAYS].append(day)
    for day in range(days):
        for part in range(BLOCKS_A_DAY):
            block = draw.choice(by_kind[day % _WEEK < _WORKDAYS]) * BLOCKS_A_DAY + part
            for number in range(PERIODS_A_BLOCK):
                yield [
                    Period(one.number, *one.rates[at], one.lengths[block])
                    for one in chosen
                    if (at := block * PERIODS_A_BLOCK + number) in one.rates and block in one.lengths
                ]


def _rows(path: str) -> Iterator[list[str]]:
    with gzip.open(path, "rt") as text:
        rows = csv.reader(text)
        next(rows)
        yield from rows
