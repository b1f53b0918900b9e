"""Which figures are watched, and what of a cell each one is: a row a signal.

A figure is read together with what explains it and is not the model's doing: TTFT grows with the prompts,
duration with the answers, both with the load. So traffic that is unusual is no anomaly, as far as the history
tells how figures follow it; the request rate is none itself and is only told beside one. A family is judged
as one (Holm): its members move together. Silent loss of throughput shows where requests do not finish, or
answers are cut short, while requests keep coming.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from llmmonitor_operator.anomalies.cell import Cell, figure, size

LATENCY, ERRORS, THROUGHPUT = "latency", "errors", "throughput"
FEWEST = 5
"""Events in a cell below which it says nothing."""


class Reading(NamedTuple):
    """A signal in one cell."""

    log: float
    """The figure's natural logarithm."""
    n: float
    """The sample size by which its variance falls."""
    given: tuple[float, ...] = ()
    """Natural logarithms of what explains it, always as many for one signal."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One figure."""

    name: str
    """For people."""
    family: str
    worse: int
    """1 when more is worse, -1 when less is."""
    read: Callable[[Cell, float], Reading | None]
    """By a cell and the history's share of failed requests; None where the cell says nothing."""


def _first_token(cell: Cell, _usual: float) -> Reading | None:
    return _reading(cell.first_token, cell.first_tokens, cell, cell.prompt)


def _per_token(cell: Cell, _usual: float) -> Reading | None:
    return _reading(cell.per_token, cell.per_tokens, cell, cell.answer)


def _duration(cell: Cell, _usual: float) -> Reading | None:
    return _reading(cell.duration, cell.ended, cell, cell.answer)


def _errors(cell: Cell, usual: float) -> Reading | None:
    """Failed requests over those expected, both with one more, so that neither 0 is infinitely far off."""
    ended = size(cell.ended)
    if ended < FEWEST:
        return None
    expected = ended * usual + 1
    return Reading(math.log((cell.failed + 1) / expected), expected)


def _finished(cell: Cell, _usual: float) -> Reading | None:
    n = size(cell.begun)
    return Reading(figure(cell.finished), n) if cell.finished and n >= FEWEST else None


def _answer(cell: Cell, _usual: float) -> Reading | None:
    return _reading(cell.answer, cell.answers, cell, cell.prompt)


def requests(cell: Cell) -> Reading | None:
    """Requests begun: told beside an anomaly, never one itself."""
    begun = size(cell.begun)
    return Reading(math.log(begun), begun) if begun >= FEWEST else None


def _reading(code: int, n_code: int, cell: Cell, length: int) -> Reading | None:
    """With the load and a mean length; where lengths are not known they explain nothing."""
    n = size(n_code)
    if not code or n < FEWEST:
        return None
    return Reading(figure(code), n, (math.log(1 + size(cell.begun)), figure(length) if length else 0.0))


SIGNALS = (
    Signal("TTFT", LATENCY, 1, _first_token),
    Signal("time per output token", LATENCY, 1, _per_token),
    Signal("request duration", LATENCY, 1, _duration),
    Signal("errors", ERRORS, 1, _errors),
    Signal("requests finished", THROUGHPUT, -1, _finished),
    Signal("tokens per answer", THROUGHPUT, -1, _answer),
)
FAMILIES = {
    family: tuple(one for one in SIGNALS if one.family == family) for family in (LATENCY, ERRORS, THROUGHPUT)
}
