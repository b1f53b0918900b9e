"""Requests as the operator sees them, minute by minute: of real clients, and of sessions with a correlation.

A service has some of ServeGen's clients (`bench/data/`), thinned to 0.25 to 2 requests/s: their rates every
ten minutes, bursts within them, and their lengths every six hours are the source's. Prompt and completion
are drawn independently given client and time: the source has no more. What it does not have at all follows
from the client: each is one application, with parameters, turns, operation and reasons to finish of its own.
Sessions are synthetic: some are under way at any time, each asks as often as a geometric draw says, and
repeats what it asked first with the given probability.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from bench.anomaly.clients import DAYS, Client, clients
from bench.drifting.derive import BUCKETS, LENGTH_SECONDS

from llmmonitor_api.report import features as known
from llmmonitor_api.report.features import FeatureCounts, bucket_of, record

MINUTE = 60
_PERIOD = 600
_PERIODS_A_BLOCK = LENGTH_SECONDS // _PERIOD
_BLOCKS_A_DAY = 86_400 // LENGTH_SECONDS

Request = tuple[int, int, int, int, int]
"""Buckets of prompt, completion and turns, codes of parameters and of the reason to finish."""
_PLACES = (
    known.PROMPT_TOKENS,
    known.COMPLETION_TOKENS,
    known.TURNS,
    known.PARAMETERS,
    known.FINISH_REASON,
)
FEATURES = _PLACES


@dataclass(frozen=True, slots=True)
class Minute:
    """What ended in one minute."""

    end: float
    requests: list[Request]


@dataclass(frozen=True, slots=True)
class Application:
    """What a client does that the source does not say."""

    turns: tuple[int, ...]
    parameters: tuple[int, ...]
    truncated: float
    """The share of answers cut at a length limit."""

    def request(self, prompt: int, completion: int, draw: random.Random) -> Request:
        """One with these lengths."""
        finish = 1 if draw.random() < self.truncated else 0
        return prompt, completion, draw.choice(self.turns), draw.choice(self.parameters), finish


def application(draw: random.Random) -> Application:
    """One drawn at random."""
    first = draw.randrange(1, 9)
    spread = draw.randrange(1, 5)
    turns = tuple(bucket_of(first + step) for step in range(spread))
    sets = [draw.randrange(1 << len(known.PARAMETER_NAMES)) for _ in range(2)]
    return Application(turns, (sets[0],) * draw.randrange(1, 6) + (sets[1],), draw.random() ** 3)


@cache
def lengths() -> dict[tuple[int, int], tuple[tuple[Sequence[int], Sequence[int]], ...]]:
    """By client and period of six hours: buckets and shares of prompts, then of completions."""
    found = {}
    with gzip.open(BUCKETS, "rt") as text:
        rows = csv.reader(text)
        next(rows)
        for client, period, *kinds in rows:
            found[int(client), int(period)] = tuple(_split(kind) for kind in kinds)
    return found


def _split(shares: str) -> tuple[Sequence[int], Sequence[int]]:
    pairs = [tuple(map(int, one.split(":"))) for one in shares.split()]
    return [bucket for bucket, _ in pairs], [share for _, share in pairs]


@dataclass(slots=True)
class Service:
    """One monitor's clients, drawn by a seed."""

    seed: int
    number: int
    """Of clients."""
    chosen: list[Client] = field(init=False)
    thinning: float = field(init=False)
    _draw: random.Random = field(init=False)
    _applications: dict[int, Application] = field(init=False)

    def __post_init__(self) -> None:
        """Draw who its clients are."""
        self._draw = draw = random.Random(self.seed)
        self.chosen = draw.sample(clients(), self.number)
        rate = (
            sum(sum(rate for rate, _ in one.rates.values()) for one in self.chosen)
            * _PERIOD
            / (DAYS * 86_400)
        )
        self.thinning = min(1.0, 0.25 * 8 ** draw.random() / rate)
        self._applications = {one.number: application(draw) for one in self.chosen}

    def in_order(self) -> Iterator[Minute]:
        """The source's two weeks as they were."""
        for block in range(DAYS * _BLOCKS_A_DAY):
            yield from self._block(block)

    def _block(self, source: int) -> Iterator[Minute]:
        for number in range(_PERIODS_A_BLOCK):
            begin = float(source * LENGTH_SECONDS + number * _PERIOD)
            minutes: list[list[Request]] = [[] for _ in range(_PERIOD // MINUTE)]
            for one in self.chosen:
                at = one.rates.get(source * _PERIODS_A_BLOCK + number)
                kinds = lengths().get((one.number, source))
                if at is not None and kinds is not None:
                    self._sent(one, at, kinds, minutes)
            for minute, requests in enumerate(minutes):
                if requests:
                    yield Minute(begin + (minute + 1) * MINUTE, requests)

    def _sent(
        self,
        one: Client,
        at: tuple[float, float],
        kinds: tuple[tuple[Sequence[int], Sequence[int]], ...],
        minutes: list[list[Request]],
    ) -> None:
        rate, variation = at
        draw, app = self._draw, self._applications[one.number]
        burst = max(0.1, variation) ** 2
        weights = [draw.gammavariate(1 / burst, burst) + 1e-9 for _ in minutes]
        expected = rate * _PERIOD * self.thinning
        n = max(0, round(draw.gauss(expected, (expected * (1 + burst)) ** 0.5))) if expected else 0
        (prompts, prompt_shares), (completions, completion_shares) = kinds
        drawn = zip(
            draw.choices(prompts, prompt_shares, k=n),
            draw.choices(completions, completion_shares, k=n),
            strict=True,
        )
        places = draw.choices(minutes, weights, k=n)
        for place, (prompt, completion) in zip(places, drawn, strict=True):
            place.append(app.request(prompt, completion, draw))


@dataclass(slots=True)
class Sessions:
    """Traffic of sessions, one request a second."""

    correlation: float
    """How likely a request repeats what its session asked first."""
    length: float
    """Mean number of requests of a session."""
    seed: int
    _draw: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Begin anew."""
        self._draw = random.Random(self.seed)

    def minutes(self, days: int) -> Iterator[Minute]:
        """So many days."""
        draw = self._draw
        under_way = [self._fresh() for _ in range(40)]
        for minute in range(days * 1440):
            requests = []
            for _ in range(60):
                place = draw.randrange(len(under_way))
                first = under_way[place]
                requests.append(first if draw.random() < self.correlation else self._fresh())
                if draw.random() < 1 / self.length:
                    under_way[place] = self._fresh()
            yield Minute((minute + 1.0) * MINUTE, requests)

    def _fresh(self) -> Request:
        draw = self._draw
        prompt, completion = (
            bucket_of(int(draw.lognormvariate(6, 1.2))),
            bucket_of(int(draw.lognormvariate(5, 1))),
        )
        turns, parameters = bucket_of(1 + int(draw.expovariate(0.3))), int(draw.paretovariate(1.2)) % 12
        return prompt, completion, turns, parameters, int(draw.random() < 0.1)


def counted(requests: Sequence[Request]) -> FeatureCounts:
    """As sidecars report them."""
    counts: dict[str, dict[int, int]] = {}
    for place, feature in enumerate(_PLACES):
        for bucket, times in Counter([one[place] for one in requests]).items():
            record(counts, feature, bucket)
            counts[feature][bucket] = counts[feature].get(bucket, 0) + times - 1
    completions: dict[int, dict[int, int]] = {}
    for (prompt, completion), times in Counter([(one[0], one[1]) for one in requests]).items():
        stratum = completions.setdefault((prompt + 1) // 2, {})
        stratum[completion] = stratum.get(completion, 0) + times
    return FeatureCounts(len(requests), counts, completions)
