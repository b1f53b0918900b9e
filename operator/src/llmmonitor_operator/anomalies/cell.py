"""Five minutes of a monitor as twelve small integers: all that anomalies are found by.

Logarithms are in hundredths (1 %, the histograms' own error), sample sizes on a scale of 9 % steps: what is
finer is noise, and costs the operator memory a thousand monitors over. Means are geometric: one request that
waited a minute must not speak for a hundred that did not.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from llmmonitor_api.report.histogram import GAMMA, LARGEST, SMALLEST, Histogram
from llmmonitor_operator.figures import ABORTED, FAILED, NOT_JUDGED, Figures

CELL_SECONDS = 300
CELLS_A_DAY = 86_400 // CELL_SECONDS
_HUNDREDTHS = 100
_OFFSET = 2_000
"""Hundredths; exp(-20) is less than any duration that a histogram tells from zero."""
_STEPS_PER_OCTAVE = 8
_MIDPOINT = math.log(2 / (GAMMA + 1))
_PER_BUCKET = math.log(GAMMA)


class Cell(NamedTuple):
    """What happened within five minutes, coded: `size` and `figure` read it. A figure of 0 is not known."""

    begun: int = 0
    """Size: requests that the model received."""
    finished: int = 0
    """Figure: requests that ended, however, per request begun."""
    ended: int = 0
    """Size: requests that ended by anybody's doing but their client's."""
    failed: int = 0
    """Of these, by the server's fault; exact."""
    prompt: int = 0
    """Figure: mean prompt, tokens."""
    answers: int = 0
    """Size of `answer`."""
    answer: int = 0
    """Figure: mean completion, tokens."""
    first_tokens: int = 0
    """Size of `first_token`."""
    first_token: int = 0
    """Figure: mean TTFT, seconds."""
    per_tokens: int = 0
    """Size of `per_token`."""
    per_token: int = 0
    """Figure: mean time per output token, seconds."""
    duration: int = 0
    """Figure: mean duration of requests, seconds."""


def cell_of(figures: Figures) -> Cell:
    """The cell of what the monitor's replicas counted in it."""
    outcomes = figures.outcomes
    ended = figures.ended - sum(outcomes.get(outcome, 0) for outcome in (ABORTED, *NOT_JUDGED))
    return Cell(
        begun=coded_size(figures.begun),
        finished=coded_figure(math.log((figures.ended + 1) / (figures.begun + 1))),
        ended=coded_size(max(0, ended)),
        failed=sum(outcomes.get(outcome, 0) for outcome in FAILED),
        prompt=_mean(figures.prompts, figures.prompts_log_milli),
        answers=coded_size(figures.answers),
        answer=_mean(figures.answers, figures.answers_log_milli),
        first_tokens=coded_size(figures.time_to_first_token.count),
        first_token=_log_mean(figures.time_to_first_token),
        per_tokens=coded_size(figures.time_per_output_token.count),
        per_token=_log_mean(figures.time_per_output_token),
        duration=_log_mean(figures.duration),
    )


def coded_size(count: int) -> int:
    """A number of things on the scale that `size` reads."""
    return round(_STEPS_PER_OCTAVE * math.log2(1 + count))


def size(code: int) -> float:
    """About how many: within 5 %, 0 exactly."""
    return float(2 ** (code / _STEPS_PER_OCTAVE) - 1)


def coded_figure(log: float) -> int:
    """A natural logarithm on the scale that `figure` reads; never 0, which means that it is not known."""
    return max(1, round(_HUNDREDTHS * log) + _OFFSET)


def figure(code: int) -> float:
    """The natural logarithm, within 0.005."""
    return (code - _OFFSET) / _HUNDREDTHS


def _mean(n: int, log_milli: int) -> int:
    return coded_figure(log_milli / n / 1000) if n else 0


def _log_mean(histogram: Histogram) -> int:
    n = histogram.count
    if not n:
        return 0
    total = sum(times * (index * _PER_BUCKET + _MIDPOINT) for index, times in histogram.buckets.items())
    total += histogram.zero * math.log(SMALLEST) + histogram.overflow * math.log(LARGEST)
    return coded_figure(total / n)
