"""What the operator keeps of a report's totals: one set of figures over all series of generating requests.

A report holds one series per operation and model; with 20 models in 3 versions their histograms would not fit
a checkpoint, and the status shows the monitor as a whole. So series are added up *before* differences are
taken; both add, so the order does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from operator import mul
from typing import Any, TypeVar

import msgspec

from llmmonitor_api.report import merge
from llmmonitor_api.report.engine_counts import Compared, EngineCounts
from llmmonitor_api.report.frequency import FrequencyTable
from llmmonitor_api.report.histogram import GAMMA, LARGEST, SMALLEST, Histogram
from llmmonitor_api.report.totals import InterceptionCounts, Totals, TrafficSeries
from llmmonitor_operator import interaction_counts, outcomes_kept
from llmmonitor_operator.engine_figures import (
    NO_ENGINE,
    NOT_COMPARED,
    compared_since,
    engine_since,
    total_compared,
    total_engine,
    without_bounds,
)

K = TypeVar("K")
HISTOGRAMS = ("time_to_first_token", "time_per_output_token", "duration")
"""Fields of `Figures`."""
OK = "ok"
ABORTED = "aborted"
FAILED = frozenset({"overloaded", "timed_out", "server_error", "cut_off"})
"""Outcomes that are the model's or its server's fault."""
TRUNCATED = "length"
"""The finish reason of an answer cut at a length limit."""
EXACT_SOURCES = frozenset({"usage", "token_ids", "logprobs"})
NO_TOKENS = "none"
"""The source of a request that got no token, such as one refused: there is nothing to count well or badly."""
NOT_JUDGED = frozenset({"not_analysed", "malformed"})
"""Outcomes of exchanges that could not be read to their end."""


class TooMuch(ValueError):
    """A report would take more memory than it is worth; the message says what for."""


class Figures(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything about generating requests that adds; the zero of `merge.add` is `Figures()`."""

    begun: int = 0
    met_objectives: int = 0
    missed_objectives: int = 0
    empty: int = 0
    forms_checked: dict[str, int] = {}
    forms_malformed: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    finish_reasons: FrequencyTable = msgspec.field(default_factory=FrequencyTable)
    prompt_tokens_exact: int = 0
    completion_tokens_exact: int = 0
    completion_tokens_counted: int = 0
    token_sources: dict[str, int] = {}
    prompts: int = 0
    """Requests whose prompt was counted exactly."""
    prompts_log_milli: int = 0
    """Sum of the natural logarithms of their tokens, in thousandths: lengths explain latencies, and the mean
    of logarithms does so best. A sum adds, where a histogram more would not fit a checkpoint."""
    answers: int = 0
    answers_log_milli: int = 0
    """The same of completions."""
    time_to_first_token: Histogram = msgspec.field(default_factory=Histogram)
    time_per_output_token: Histogram = msgspec.field(default_factory=Histogram)
    duration: Histogram = msgspec.field(default_factory=Histogram)
    interception: InterceptionCounts = msgspec.field(default_factory=InterceptionCounts)
    gpu_energy_millijoules: int = 0
    gpu_energy_tokens: int = 0
    """Completion tokens, exact ones, of the time and the pods that `gpu_energy_millijoules` is of; `absorb`
    sets it."""
    engine: EngineCounts = NO_ENGINE
    """`engine_figures.without_bounds`."""
    compared: Compared = NOT_COMPARED
    interactions: dict[str, int] = {}
    """`interaction_counts.figures_of`."""
    live_outcomes: dict[str, int] = {}
    """`outcomes_kept.figures_of`."""

    @property
    def ended(self) -> int:
        """Requests that ended, however."""
        return sum(self.outcomes.values())

    @property
    def exact_requests(self) -> int:
        """Ended requests whose completion tokens are exact."""
        return sum(count for source, count in self.token_sources.items() if source in EXACT_SOURCES)

    @property
    def inexact_requests(self) -> int:
        """Ended requests that got tokens of which a lower bound is known."""
        every = sum(count for source, count in self.token_sources.items() if source != NO_TOKENS)
        return every - self.exact_requests

    @property
    def progress(self) -> int:
        """Signs that the model works: answers completed and first tokens seen."""
        return self.outcomes.get(OK, 0) + self.time_to_first_token.count


NOTHING = Figures()
_BUCKETS = range(
    math.floor(math.log(SMALLEST) / math.log(GAMMA)), math.ceil(math.log(LARGEST) / math.log(GAMMA)) + 1
)
_LOG_MILLI = {index: max(0, round(index * 1000 * math.log(GAMMA))) for index in _BUCKETS}
"""By bucket: nothing and one token alike are 0."""
NAMES_LIMIT = 32
"""Outcomes and the like: sidecars know a dozen; whoever else answers in a pod may invent any number."""
NAME_LIMIT = 64
"""Characters of a reason, which models give."""
_PATH_NUMBERS = tuple(
    name
    for name in InterceptionCounts.__struct_fields__
    if isinstance(getattr(InterceptionCounts(), name), int)
)


def total(parts: Iterable[Figures], *, histograms: bool = True) -> Figures:
    """The sum of many; the same as adding them one by one by `merge.add`, many times as fast.

    Without `histograms` theirs are left empty.
    """
    every = [one for one in parts if one is not NOTHING]
    if not every:
        return NOTHING
    if len(every) == 1 and histograms:
        return every[0]
    sums = _SUMS if histograms else _SUMS_WITHOUT_HISTOGRAMS
    columns = zip(*map(msgspec.structs.astuple, every), strict=True)
    return Figures(*[added(column) for added, column in zip(sums, columns, strict=True)])


def since(newer: Figures, older: Figures) -> Figures:
    """What was added between two cumulative ones; the same as `merge.since`, several times as fast.

    Raises:
        CountersWentBack: anything got smaller.
    """
    if newer == older:
        return NOTHING
    return Figures(
        begun=_grown(newer, older, "begun"),
        met_objectives=_grown(newer, older, "met_objectives"),
        missed_objectives=_grown(newer, older, "missed_objectives"),
        empty=_grown(newer, older, "empty"),
        forms_checked=merge.counts_since(newer.forms_checked, older.forms_checked, "forms_checked"),
        forms_malformed=merge.counts_since(newer.forms_malformed, older.forms_malformed, "forms_malformed"),
        outcomes=merge.counts_since(newer.outcomes, older.outcomes, "outcomes"),
        finish_reasons=_table_since(newer.finish_reasons, older.finish_reasons, "finish_reasons"),
        prompt_tokens_exact=_grown(newer, older, "prompt_tokens_exact"),
        completion_tokens_exact=_grown(newer, older, "completion_tokens_exact"),
        completion_tokens_counted=_grown(newer, older, "completion_tokens_counted"),
        token_sources=merge.counts_since(newer.token_sources, older.token_sources, "token_sources"),
        prompts=_grown(newer, older, "prompts"),
        prompts_log_milli=_grown(newer, older, "prompts_log_milli"),
        answers=_grown(newer, older, "answers"),
        answers_log_milli=_grown(newer, older, "answers_log_milli"),
        time_to_first_token=_histogram_since(
            newer.time_to_first_token, older.time_to_first_token, "time_to_first_token"
        ),
        time_per_output_token=_histogram_since(
            newer.time_per_output_token, older.time_per_output_token, "time_per_output_token"
        ),
        duration=_histogram_since(newer.duration, older.duration, "duration"),
        interception=_path_since(newer.interception, older.interception),
        gpu_energy_millijoules=_grown(newer, older, "gpu_energy_millijoules"),
        gpu_energy_tokens=_grown(newer, older, "gpu_energy_tokens"),
        engine=engine_since(newer.engine, older.engine),
        compared=compared_since(newer.compared, older.compared),
        interactions=interaction_counts.since(newer.interactions, older.interactions),
        live_outcomes=merge.counts_since(newer.live_outcomes, older.live_outcomes, "live_outcomes"),
    )


def _grown(newer: object, older: object, name: str, at: str = "") -> int:
    after, before = getattr(newer, name), getattr(older, name)
    if before > after:
        raise merge.CountersWentBack(f"{at}{name}: {after} after {before}")
    return int(after - before)


def _histogram_since(newer: Histogram, older: Histogram, at: str) -> Histogram:
    if newer == older:
        return Histogram()
    return Histogram(
        zero=_grown(newer, older, "zero", f"{at}."),
        overflow=_grown(newer, older, "overflow", f"{at}."),
        sum_nano=_grown(newer, older, "sum_nano", f"{at}."),
        buckets=merge.counts_since(newer.buckets, older.buckets, f"{at}.buckets"),
    )


def _table_since(newer: FrequencyTable, older: FrequencyTable, at: str) -> FrequencyTable:
    counts = merge.counts_since(newer.counts, older.counts, f"{at}.counts")
    return FrequencyTable(counts, _grown(newer, older, "other", f"{at}.")).bounded()


def _path_since(newer: InterceptionCounts, older: InterceptionCounts) -> InterceptionCounts:
    at = "interception."
    opaque = merge.counts_since(newer.opaque_connections, older.opaque_connections, f"{at}opaque_connections")
    return InterceptionCounts(
        **{name: _grown(newer, older, name, at) for name in _PATH_NUMBERS},
        opaque_connections=opaque,
        malformed=_table_since(newer.malformed, older.malformed, f"{at}malformed"),
    )


def _total_histogram(parts: Sequence[Histogram]) -> Histogram:
    return Histogram(
        zero=sum([part.zero for part in parts]),
        overflow=sum([part.overflow for part in parts]),
        sum_nano=sum([part.sum_nano for part in parts]),
        buckets=_total_counts([part.buckets for part in parts]),
    )


def _total_counts(parts: Sequence[dict[K, int]]) -> dict[K, int]:
    """By key: the largest first, since it is copied and has most of the keys."""
    every = [part for part in parts if part]
    if len(every) <= 1:
        return dict(every[0]) if every else {}
    every.sort(key=len, reverse=True)
    result = dict(every[0])
    known = result.get
    for part in every[1:]:
        for key, count in part.items():
            result[key] = known(key, 0) + count
    return result


def _total_table(parts: Sequence[FrequencyTable]) -> FrequencyTable:
    counts = _total_counts([part.counts for part in parts])
    other = sum([part.other for part in parts])
    return FrequencyTable(counts, other).bounded() if counts or other else FrequencyTable()


def _total_path(parts: Sequence[InterceptionCounts]) -> InterceptionCounts:
    columns = zip(*map(msgspec.structs.astuple, parts), strict=True)
    return InterceptionCounts(*[added(column) for added, column in zip(_PATH_SUMS, columns, strict=True)])


def _no_histogram(_parts: Sequence[Histogram]) -> Histogram:
    return Histogram()


_SUM_OF: dict[type, Callable[[Any], Any]] = {
    int: sum,
    dict: _total_counts,
    FrequencyTable: _total_table,
    Histogram: _total_histogram,
    InterceptionCounts: _total_path,
    EngineCounts: total_engine,
    Compared: total_compared,
}
_PATH_SUMS = [_SUM_OF[type(one)] for one in msgspec.structs.astuple(InterceptionCounts())]
_SUMS = [_SUM_OF[type(one)] for one in msgspec.structs.astuple(NOTHING)]
_SUMS_WITHOUT_HISTOGRAMS: list[Callable[[Any], Any]] = [
    _no_histogram if one is _total_histogram else one for one in _SUMS
]
"""By field: sums are made of all values of a field at once, for a cell of time is added up in every pass."""


def figures_of(totals: Totals) -> Figures:
    """The totals of one report, its series added up.

    Raises:
        TooMuch: it has more to be kept than any sidecar's has.
    """
    found = total(_of_series(series) for series in totals.traffic.values() if series.generates)
    path = totals.interception
    for what, counts in (
        ("outcomes", found.outcomes),
        ("sources of token counts", found.token_sources),
        ("forms of answers", found.forms_checked | found.forms_malformed),
        ("protocols", path.opaque_connections),
    ):
        if len(counts) > NAMES_LIMIT:
            raise TooMuch(f"{len(counts)} different {what} in one report; the limit is {NAMES_LIMIT}")
    return msgspec.structs.replace(
        found,
        begun=totals.begun,
        met_objectives=totals.met_objectives,
        missed_objectives=totals.missed_objectives,
        finish_reasons=_short(found.finish_reasons),
        gpu_energy_millijoules=totals.gpu_energy_millijoules,
        interception=msgspec.structs.replace(path, malformed=_short(path.malformed)),
        engine=without_bounds(totals.engine),
        compared=NOT_COMPARED if totals.compared == NOT_COMPARED else totals.compared,
        interactions=interaction_counts.figures_of(totals.interactions),
        live_outcomes=outcomes_kept.figures_of(totals.live_outcomes),
    )


def _short(table: FrequencyTable) -> FrequencyTable:
    """Without the long names, which are no reasons, and with no more than a table may have."""
    counts = {name: count for name, count in table.counts.items() if len(name) <= NAME_LIMIT}
    if len(counts) < len(table.counts):
        table = FrequencyTable(counts, table.total - sum(counts.values()))
    return table.bounded()


def _of_series(series: TrafficSeries) -> Figures:
    return Figures(
        empty=series.empty,
        forms_checked=series.forms_checked,
        forms_malformed=series.forms_malformed,
        outcomes=series.outcomes,
        finish_reasons=series.finish_reasons,
        prompt_tokens_exact=series.prompt_tokens_exact,
        completion_tokens_exact=series.completion_tokens_exact,
        completion_tokens_counted=series.completion_tokens_counted,
        token_sources=series.token_sources,
        prompts=series.prompt_tokens.count,
        prompts_log_milli=_log_milli(series.prompt_tokens),
        answers=series.completion_tokens.count,
        answers_log_milli=_log_milli(series.completion_tokens),
        time_to_first_token=series.time_to_first_token,
        time_per_output_token=series.time_per_output_token,
        duration=series.duration,
    )


def _log_milli(tokens: Histogram) -> int:
    """Of all its values; it never shrinks while the counts grow."""
    return sum(map(mul, map(_LOG_MILLI.__getitem__, tokens.buckets), tokens.buckets.values()))
