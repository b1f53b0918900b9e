"""A model that serves a monitor's traffic: what its five minutes look like, without a fault and with one.

The traffic is real (`clients.py`); no latencies are published with it, so these follow from it by a model
that is written down here. Time per output token grows with the tokens in flight; TTFT is the prompt's
prefill times the queue's 1/(1 - load); both carry the server's own unrest, autocorrelated and heavy-tailed;
prompts, answers and a session's habits differ by client, so that who happens to send moves every figure.
Errors come in clusters.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.anomaly.clients import Client, Period, clients, periods

from llmmonitor_operator.anomalies.cell import CELL_SECONDS, Cell, coded_figure, coded_size

REQUEST_SD = {"first": 0.5, "token": 0.25}
"""Of the logarithm, between requests of one client."""
_SESSION_SD = 0.15
"""Of the logarithm, between sessions: what requests of one client in the same minutes have in common."""
_POISSON_LIMIT = 30.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to a cell; the default is nothing."""

    slower: float = 1.0
    """How many times."""
    failing: float = 0.0
    """The share of requests that fail beside those that do anyway."""
    stuck: float = 0.0
    """The share of requests that are received and never finish."""
    shorter: float = 1.0
    """The share of each answer's tokens that still comes."""

    def partly(self, share: float) -> "Fault":
        """The same, which began within the cell."""
        return Fault(self.slower**share, self.failing * share, self.stuck * share, self.shorter**share)


NO_FAULT = Fault()


@dataclass(frozen=True, slots=True)
class Minutes:
    """Five minutes before they are coded, so that faults can be put in."""

    begun: int
    ended: int
    failed: int
    prompt: float = 0.0
    """Mean logarithm of the prompts' tokens."""
    answer: float = 0.0
    first: float = 0.0
    """Mean logarithm of TTFT, seconds."""
    token: float = 0.0
    duration: float = 0.0

    def cell(self, fault: Fault, draw: random.Random) -> Cell | None:
        """As the operator keeps it; None for no request."""
        if not self.begun:
            return None
        ended = self.ended - (_poisson(fault.stuck * self.begun, draw) if fault.stuck else 0)
        ended = max(0, ended)
        failing = _poisson(fault.failing * ended, draw) if fault.failing else 0
        slower, shorter = math.log(fault.slower), math.log(fault.shorter)
        n = coded_size(ended)
        known = ended > 0
        return Cell(
            begun=coded_size(self.begun),
            finished=coded_figure(math.log((ended + 1) / (self.begun + 1))),
            ended=n,
            failed=min(ended, self.failed + failing),
            prompt=coded_figure(self.prompt) if known else 0,
            answers=n,
            answer=coded_figure(self.answer + shorter) if known else 0,
            first_tokens=n,
            first_token=coded_figure(self.first + slower) if known else 0,
            per_tokens=n,
            per_token=coded_figure(self.token + slower) if known else 0,
            duration=coded_figure(self.duration + slower + shorter) if known else 0,
        )


@dataclass(slots=True)
class Unrest:
    """An AR(1) with heavy-tailed innovations (Student's t with four degrees of freedom)."""

    phi: float
    sd: float
    draw: random.Random
    value: float = 0.0

    def step(self) -> float:
        """The next value."""
        chi = self.draw.gammavariate(2.0, 2.0)
        heavy = self.draw.gauss(0, 1) / math.sqrt(chi / 4) / math.sqrt(2)
        self.value = self.phi * self.value + self.sd * math.sqrt(1 - self.phi**2) * heavy
        return self.value


@dataclass(slots=True)
class Service:
    """One monitor's model and its clients, all drawn by a seed."""

    seed: int
    chosen: list[Client] = field(init=False)
    thinning: float = field(init=False)
    """The share of the clients' requests that go to this model."""
    draw: random.Random = field(init=False)
    _capacity: float = field(init=False)
    _failing: dict[int, float] = field(init=False)
    _session: dict[int, Unrest] = field(init=False)
    _in_flight: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Draw who its clients are and how good the model is."""
        self.draw = random.Random(self.seed)
        steady = [one for one in clients() if len(one.rates) > 1_000]
        others = [one for one in clients() if len(one.rates) <= 1_000]
        few, more = self.draw.randint(2, 6), self.draw.randint(0, 6)
        self.chosen = self.draw.sample(steady, few) + self.draw.sample(others, more)
        mean = sum(rate for one in self.chosen for rate, _ in one.rates.values()) / 2_016
        self.thinning = min(1.0, math.exp(self.draw.uniform(math.log(0.2), math.log(8.0))) / mean)
        loads = sorted(
            sum(self._tokens_per_second(one) for one in now)
            for now in periods(self.chosen, 14, random.Random(self.seed))
        )
        self._capacity = loads[int(0.99 * len(loads))] / self.draw.uniform(0.5, 0.95)
        self._failing = {one.number: math.exp(self.draw.gauss(math.log(0.002), 1.0)) for one in self.chosen}
        self._session = {one.number: Unrest(0.7, _SESSION_SD, self.draw) for one in self.chosen}

    def minutes(self, days: int) -> Iterator[Minutes]:
        """Five minutes after five minutes, for so many days."""
        token = Unrest(self.draw.uniform(0.4, 0.9), self.draw.uniform(0.02, 0.08), self.draw)
        first = Unrest(self.draw.uniform(0.4, 0.9), self.draw.uniform(0.04, 0.15), self.draw)
        failing = Unrest(0.8, 0.5, self.draw)
        for now in periods(self.chosen, days, self.draw):
            for _ in range(600 // CELL_SECONDS):
                yield self._minutes(now, token.step(), first.step(), math.exp(failing.step()))

    def _tokens_per_second(self, one: Period) -> float:
        mean = math.exp(min(9.0, one.lengths.completion_mean + one.lengths.completion_sd**2 / 2))
        return self.thinning * one.rate * mean

    def _minutes(
        self, now: list[Period], token_unrest: float, first_unrest: float, failing: float
    ) -> Minutes:
        counts = [self._count(one) for one in now]
        begun = sum(counts)
        if not begun:
            ended, self._in_flight = self._in_flight, 0
            return Minutes(0, ended, 0)
        load = min(0.95, sum(map(self._tokens_per_second, now)) / self._capacity)
        slow = math.log(0.03) + 0.6 * load + token_unrest
        queue = -math.log(1 - load**2)
        prompts = answers = first = token = duration = in_flight = 0.0
        failed = 0
        for one, count in zip(now, counts, strict=True):
            if not count:
                continue
            habit, root = self._session[one.client].step(), math.sqrt(count)
            answer = (
                one.lengths.completion_mean + habit + self.draw.gauss(0, one.lengths.completion_sd / root)
            )
            prompt = one.lengths.prompt_mean + habit + self.draw.gauss(0, one.lengths.prompt_sd / root)
            prefill = math.log(0.05 + 0.0002 * math.exp(min(12.0, prompt)))
            this_first = prefill + queue + first_unrest + self.draw.gauss(0, REQUEST_SD["first"] / root)
            this_token = slow + self.draw.gauss(0, REQUEST_SD["token"] / root)
            seconds = math.exp(this_first) + math.exp(answer + this_token)
            prompts += count * prompt
            answers += count * answer
            first += count * this_first
            token += count * this_token
            duration += count * math.log(seconds)
            in_flight += count * min(1.0, 1.5 * seconds / CELL_SECONDS)
            failed += min(count, _poisson(count * min(0.5, self._failing[one.client] * failing), self.draw))
        before, self._in_flight = self._in_flight, min(begun, _poisson(in_flight, self.draw))
        ended = begun + before - self._in_flight
        means = [total / begun for total in (prompts, answers, first, token, duration)]
        return Minutes(begun, ended, min(failed, ended), *means)

    def _count(self, one: Period) -> int:
        """A renewal process counts with a variance of CV² times its mean; what is left of it by thinning."""
        mean = self.thinning * one.rate * CELL_SECONDS
        excess = self.thinning * max(0.0, min(one.variation, 10.0) ** 2 - 1)
        if excess > 0.01:
            mean = self.draw.gammavariate(mean / excess, excess)
        return _poisson(mean, self.draw)


def _poisson(mean: float, draw: random.Random) -> int:
    if mean > _POISSON_LIMIT:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), draw.random(), 0
    while product > limit:
        product *= draw.random()
        count += 1
    return count
