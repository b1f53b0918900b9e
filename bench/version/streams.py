"""Clients of two versions that run side by side, drawn from two weeks of production statistics.

Real are the arrivals by ten minutes, their burstiness and the lengths of prompts, by tenant (`bench/data/`,
`bench/anomaly/clients.py`), and with them the time of day, the load and how both drift. Not in the source,
and so written down here: that a tenant's requests come from users, some far busier than others; that a user
has a length of prompts, a share of failures and a speed of its own; how latency follows from load and prompt;
that failures come in clusters which hit both versions. Which version a user is sent to is drawn per user and
stays (`sticky`), or per request.
"""

import math
import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from bench.anomaly.clients import clients, periods

from llmmonitor_operator.versions.matching import Met, Side

CELLS_A_DAY = 144
TENANTS = 6
"""Of one service."""
LATE = 0.1
"""The share of requests that the thresholds of the two latencies call late."""
MEASURES = ("failed", "late first token", "slow token")
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is simulated."""

    days: int = 1
    users: int = 600
    """Of the service, all its tenants together."""
    sticky: bool = True
    share: float = 0.5
    """Of users, or of requests, that go to the newer version."""
    users_a_cell: float = 20.0
    """Mean number of users who send requests within ten minutes."""
    worse: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """By how much the newer version's share of bad requests is larger, by measure."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One service's traffic: a row for each user, ten minutes and version."""

    cells: int
    cell: Ints
    user: Ints
    newer: Ints
    """0 or 1."""
    stratum: Ints
    events: Ints
    bad: tuple[Ints, ...]
    """By measure."""
    first_tokens: Floats
    """Sum over the row's requests of their times to the first token, seconds."""
    squares: Floats
    """Sum of the squares of these."""

    def sides(self) -> list[tuple[Side, Side]]:
        """By cell: what the operator would get."""
        found: list[tuple[dict[str, Met], dict[str, Met]]] = [({}, {}) for _ in range(self.cells)]
        columns = (self.cell, self.user, self.newer, self.stratum, self.events, *self.bad)
        for cell, user, newer, stratum, events, *bad in zip(*(one.tolist() for one in columns), strict=True):
            found[cell][newer][str(user)] = Met(stratum, (events,) * len(bad), tuple(bad))
        return found  # type: ignore[return-value]  # a dict is a Mapping


def draw(setting: Setting, seed: int) -> Stream:
    """One service's days."""
    chance, numbers = random.Random(seed), np.random.default_rng(seed)
    chosen = chance.sample([one for one in clients() if len(one.rates) > 1_000], TENANTS)
    cells = setting.days * CELLS_A_DAY
    rate, prompt = np.zeros((cells, len(chosen))), np.zeros((cells, len(chosen)))
    spread = np.zeros((cells, len(chosen)))
    place = {one.number: number for number, one in enumerate(chosen)}
    for cell, now in enumerate(periods(chosen, setting.days, chance)):
        for one in now:
            at = cell, place[one.client]
            rate[at], prompt[at], spread[at] = one.rate, one.lengths.prompt_mean, min(one.variation, 10.0)
    return _with_users(
        setting, rate * (setting.users_a_cell / rate.sum(axis=1).mean()), prompt, spread, numbers
    )


def _with_users(
    setting: Setting, expected: Floats, prompt: Floats, spread: Floats, numbers: np.random.Generator
) -> Stream:
    excess = np.maximum(0.2, (spread**2 - 1) / 4)
    active = numbers.poisson(numbers.gamma(np.maximum(expected, 1e-9) / excess, excess))
    cell, tenant = (np.repeat(one, active.ravel()) for one in np.indices(expected.shape).reshape(2, -1))
    a_tenant = setting.users // TENANTS
    busy = (1 + np.arange(a_tenant)) ** -0.7
    user = tenant * a_tenant + numbers.choice(a_tenant, size=len(cell), p=busy / busy.sum())
    rows = np.unique(np.stack([cell, user, tenant]), axis=1)
    cell, user, tenant = rows
    events = numbers.geometric(0.25, size=len(cell))
    goes_to_newer = numbers.random(setting.users) < setting.share
    count = np.where(goes_to_newer[user], events, 0)
    if not setting.sticky:
        count = numbers.binomial(events, setting.share)
    newer = np.concatenate([np.zeros_like(cell), np.ones_like(cell)])
    events = np.concatenate([events - count, count])
    kept = events > 0
    twice = [np.concatenate([one, one])[kept] for one in (cell, user, tenant)]
    return _with_outcomes(setting, [*twice, newer[kept], events[kept]], (expected, prompt), numbers)


def _with_outcomes(
    setting: Setting, rows: list[Ints], tenants: tuple[Floats, Floats], numbers: np.random.Generator
) -> Stream:
    cell, user, tenant, newer, events = rows
    expected, prompt = tenants
    total = expected.sum(axis=1)
    load = np.minimum(0.95, 0.9 * total / np.quantile(total, 0.98))
    queue = -np.log(1 - load**2) + _unrest(len(total), 0.8, 0.1, numbers)
    users = setting.users
    length = prompt[cell, tenant] + 0.8 * numbers.standard_normal(users)[user]
    clumps = np.exp(_unrest(len(total), 0.8, 0.5, numbers))
    own = np.exp(np.log(0.03) + numbers.standard_normal(users))
    slowness = 0.4 * numbers.standard_normal(users)
    first = np.log(0.05 + 0.0002 * np.exp(np.minimum(12.0, length))) + queue[cell] + slowness[user]
    token = math.log(0.03) + 0.6 * load[cell] + 0.3 * slowness[user]
    shares = [np.minimum(0.5, own[user] * clumps[cell])]
    shares += [_late(middle, sd, events) for middle, sd in ((first, 0.5), (token, 0.25))]
    bad = tuple(
        numbers.binomial(events, np.clip(share + worse * newer, 0, 1))
        for share, worse in zip(shares, setting.worse, strict=True)
    )
    row = np.repeat(np.arange(len(cell)), events)
    seconds = np.exp(first[row] + 0.5 * numbers.standard_normal(len(row)))
    return Stream(
        cells=len(total),
        cell=cell,
        user=user,
        newer=newer,
        stratum=np.clip(np.floor((length - math.log(256)) / math.log(4)), 0, 3).astype(np.int64),
        events=events,
        bad=bad,
        first_tokens=np.bincount(row, seconds, len(cell)).astype(np.float64),
        squares=np.bincount(row, seconds**2, len(cell)).astype(np.float64),
    )


def _late(middle: Floats, sd: float, events: Ints) -> Floats:
    """Each row's probability of exceeding the threshold that LATE of all requests exceed.

    The normal distribution by its logistic approximation (Bowling et al. 2009).
    """
    low, high = float(middle.min()) - 5 * sd, float(middle.max()) + 5 * sd
    for _ in range(40):
        threshold = (low + high) / 2
        share = 1 / (1 + np.exp(1.702 * (threshold - middle) / sd))
        if float(np.average(share, weights=events)) > LATE:
            low = threshold
        else:
            high = threshold
    return np.asarray(share)


def _unrest(length: int, phi: float, sd: float, numbers: np.random.Generator) -> Floats:
    """An AR(1), started anywhere."""
    steps = numbers.standard_normal(length)
    values = np.empty(length)
    value = float(steps[0])
    for number, step in enumerate(steps.tolist()):
        value = phi * value + math.sqrt(1 - phi**2) * step
        values[number] = value
    return sd * values
