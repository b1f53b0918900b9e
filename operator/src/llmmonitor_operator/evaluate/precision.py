"""How often a detector is right, estimated from people's verdicts on cases that were drawn at random.

Each batch is a random sample of a known number of exchanges, of which some were judged: a judged case stands
for population / judged of them (Horvitz and Thompson, JASA 47, 1952; as a ratio, Hájek 1971). The interval is
that of Korn and Graubard (Survey Methodology 24, 1998), as the NCHS reports proportions of surveys (Parker et
al., Vital and Health Statistics 2(175), 2017): Clopper and Pearson's exact one, for as many cases as the
sample is worth when weights differ and when cases of one client are alike, and fewer for few clients.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from llmmonitor_api.review import Verdict
from llmmonitor_operator.distributions.beta import quantile
from llmmonitor_operator.distributions.student import two_sided
from llmmonitor_operator.review_kept import Batch

_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Precision:
    """A share of cases that are what the detector says, with its 95 % interval."""

    value: float
    low: float
    high: float
    verdicts: int
    """Right or wrong ones, on which it rests."""
    people: int
    """Who gave them."""
    worth: float
    """Independent cases that tell as much."""


def precision(batches: Iterable[Batch]) -> Precision | None:
    """Of one detector and kind; None while nobody has said right or wrong."""
    cases = [
        (batch.population / len(sure), one.verdict == Verdict.RIGHT, one.client, one.person)
        for batch in batches
        if (sure := [one for one in batch.judged if one.verdict != Verdict.UNSURE])
        for one in sure
    ]
    if not cases:
        return None
    total = math.fsum(weight for weight, *_ in cases)
    value = math.fsum(weight for weight, right, *_ in cases if right) / total
    clients: dict[int, float] = defaultdict(float)
    for weight, right, client, _ in cases:
        clients[client] += weight * (right - value)
    kish = total**2 / math.fsum(weight**2 for weight, *_ in cases)
    worth = _worth(value, total, kish, len(cases), list(clients.values()))
    low, high = interval(value * worth, worth)
    return Precision(value, low, high, len(cases), len({person for *_, person in cases}), worth)


def _worth(value: float, total: float, kish: float, cases: int, deviations: list[float]) -> float:
    """Effective sample size: by the linearised variance between clients, less for few of them."""
    clients = len(deviations)
    if clients == 1:
        return 1.0
    worth = kish
    variance = clients / (clients - 1) * math.fsum(one**2 for one in deviations) / total**2
    if variance > 0 and 0 < value < 1:
        worth = min(kish, value * (1 - value) / variance)
    if cases == clients:
        return worth
    ratio = two_sided(_CONFIDENCE, cases - 1) / two_sided(_CONFIDENCE, clients - 1)
    return worth * ratio**2


def interval(right: float, of: float) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval (Biometrika 26, 1934); both may be fractions."""
    tail = (1 - _CONFIDENCE) / 2
    wrong = of - right
    low = quantile(tail, right, wrong + 1) if right > 0 else 0.0
    high = quantile(1 - tail, right + 1, wrong) if wrong > 0 else 1.0
    return low, high
