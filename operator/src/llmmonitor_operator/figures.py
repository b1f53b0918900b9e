"""What the operator keeps of a report's totals: one set of figures over all series of generating requests.

A report holds one series per operation and model; with 20 models in 3 versions their histograms would not fit
a checkpoint, and the status shows the monitor as a whole. So series are added up *before* differences are
taken; both add, so the order does not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import reduce

import msgspec

from llmmonitor_api.report import merge
from llmmonitor_api.report.frequency import FrequencyTable
from llmmonitor_api.report.histogram import Histogram
from llmmonitor_api.report.totals import InterceptionCounts, Totals, TrafficSeries

OK = "ok"
ABORTED = "aborted"
FAILED = frozenset({"overloaded", "timed_out", "server_error", "cut_off"})
"""Outcomes that are the model's or its server's fault."""
TRUNCATED = "length"
"""The finish reason of an answer cut at a length limit."""
NOT_JUDGED = frozenset({"not_analysed", "malformed"})
"""Outcomes of exchanges that could not be read to their end."""


class Figures(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything about generating requests that adds; the zero of `merge.add` is `Figures()`."""

    begun: int = 0
    outcomes: dict[str, int] = {}
    finish_reasons: FrequencyTable = msgspec.field(default_factory=FrequencyTable)
    completion_tokens_exact: int = 0
    completion_tokens_counted: int = 0
    token_sources: dict[str, int] = {}
    time_to_first_token: Histogram = msgspec.field(default_factory=Histogram)
    time_per_output_token: Histogram = msgspec.field(default_factory=Histogram)
    duration: Histogram = msgspec.field(default_factory=Histogram)
    interception: InterceptionCounts = msgspec.field(default_factory=InterceptionCounts)

    @property
    def ended(self) -> int:
        """Requests that ended, however."""
        return sum(self.outcomes.values())

    @property
    def progress(self) -> int:
        """Signs that the model works: answers completed and first tokens seen."""
        return self.outcomes.get(OK, 0) + self.time_to_first_token.count


_HISTOGRAMS = ("time_to_first_token", "time_per_output_token", "duration")


def total(parts: Iterable[Figures]) -> Figures:
    """The sum of many; the same as adding them one by one by `merge.add`, several times as fast."""
    every = list(parts)
    bare = reduce(merge.add, [msgspec.structs.replace(one, **_NO_HISTOGRAMS) for one in every], Figures())
    sums = {name: _total_histogram([getattr(one, name) for one in every]) for name in _HISTOGRAMS}
    return msgspec.structs.replace(bare, **sums)


def _total_histogram(parts: list[Histogram]) -> Histogram:
    buckets: Counter[int] = Counter()
    for part in parts:
        buckets.update(part.buckets)
    return Histogram(
        zero=sum(part.zero for part in parts),
        overflow=sum(part.overflow for part in parts),
        sum_nano=sum(part.sum_nano for part in parts),
        buckets=dict(buckets),
    )


_NO_HISTOGRAMS = {name: Histogram() for name in _HISTOGRAMS}


def figures_of(totals: Totals) -> Figures:
    """The totals of one report, its series added up."""
    generating = [series for series in totals.traffic.values() if series.generates]
    traffic = total(_of_series(series) for series in generating)
    return msgspec.structs.replace(traffic, begun=totals.begun, interception=totals.interception)


def _of_series(series: TrafficSeries) -> Figures:
    return Figures(
        outcomes=series.outcomes,
        finish_reasons=series.finish_reasons,
        completion_tokens_exact=series.completion_tokens_exact,
        completion_tokens_counted=series.completion_tokens_counted,
        token_sources=series.token_sources,
        time_to_first_token=series.time_to_first_token,
        time_per_output_token=series.time_per_output_token,
        duration=series.duration,
    )
