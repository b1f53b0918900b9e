"""Adds up what the engine counts, over all its lives: its counters begin at zero with each, these do not.

What it counted before the first look is not ours to count. A counter that is absent until it has counted
something begins at zero; one that is not given for a while goes on from where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

import msgspec

from llmmonitor_api.report import merge
from llmmonitor_api.report.engine_counts import (
    BOUNDS_LIMIT,
    OTHER,
    REASONS_LIMIT,
    EngineCounts,
    EngineHistogram,
)
from llmmonitor_api.report.totals import Totals
from llmmonitor_sidecar.engines.figures import Figures

NAME_LIMIT = 64
"""Characters of a finish reason."""
LIVES_APART = 2
"""A counter of a new life is less than its last value by this factor: else a part of the engine went."""


class Course(Enum):
    """How the counters came from the last look to this one."""

    FIRST = auto()
    ON = auto()
    RESTARTED = auto()
    REDUCED = auto()
    """They are smaller, though no engine begins like this: a core or model of it went away."""


class EngineLedger:
    """Adds to `totals.engine`; one for all that answers on the model's port."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals
        self._before: EngineCounts | None = None
        self._peak: EngineCounts | None = None
        """What was there before counters went back a little with the last look: if they are there again with
        the next, they wobbled (a scrape of another worker, or of a moment before), and nothing is counted
        twice; else a part of the engine went, and they go on from where they are."""

    def take(self, figures: Figures) -> Course:
        """Take note of the figures of one good look."""
        now = _absolute(figures, self._before or EngineCounts())
        before, self._before = self._before, now
        if before is None:
            return Course.FIRST
        grown, course = _grown(now, before)
        peak, self._peak = self._peak, before if course is Course.REDUCED else None
        if peak is not None and course is Course.ON and (beyond := _beyond(now, peak)) is not None:
            grown = beyond
        if grown is not None:
            restarts = 1 if course is Course.RESTARTED else 0
            grown = msgspec.structs.replace(grown, restarts=restarts)
            self._totals.engine = _bounded(merge.add(self._totals.engine, grown))
        return course


def _grown(now: EngineCounts, before: EngineCounts) -> tuple[EngineCounts | None, Course]:
    """What was counted since; after a restart, all there is."""
    new = dict(_numbers(now))
    smaller = [(new.get(name, 0), old) for name, old in _numbers(before) if new.get(name, 0) < old]
    if any(LIVES_APART * value < old for value, old in smaller):
        return now, Course.RESTARTED
    try:
        return (None, Course.REDUCED) if smaller else (merge.since(now, before), Course.ON)
    except merge.CountersWentBack:  # of a bucket or sum, though not of their total
        return None, Course.REDUCED


def _beyond(now: EngineCounts, peak: EngineCounts) -> EngineCounts | None:
    """What was counted beyond it; None where it was not reached again."""
    try:
        return merge.since(now, peak)
    except merge.CountersWentBack:
        return None


def _numbers(counts: EngineCounts) -> Iterator[tuple[str, int]]:
    yield "prompt", counts.prompt_tokens
    yield "generation", counts.generation_tokens
    yield "preemptions", counts.preemptions
    yield "finished", sum(counts.finished_requests.values())
    yield "first", counts.time_to_first_token.count
    yield "each", counts.time_per_output_token.count


def _absolute(figures: Figures, before: EngineCounts) -> EngineCounts:
    """As the engine says it now; what it does not say, as it said last."""
    first, each = figures.time_to_first_token, figures.time_per_output_token
    return EngineCounts(
        prompt_tokens=_or(figures.prompt_tokens, before.prompt_tokens),
        generation_tokens=_or(figures.generation_tokens, before.generation_tokens),
        preemptions=_or(figures.preemptions, before.preemptions),
        finished_requests=before.finished_requests
        if figures.finished_requests is None
        else bounded(figures.finished_requests),
        time_to_first_token=before.time_to_first_token if first is None else first,
        time_per_output_token=before.time_per_output_token if each is None else each,
    )


def _or(value: int | None, last: int) -> int:
    return last if value is None else value


def bounded(reasons: dict[str, int]) -> dict[str, int]:
    """At most REASONS_LIMIT and OTHER: those first in order, which are the same ones at every look."""
    kept = sorted(name for name in reasons if len(name) <= NAME_LIMIT)[:REASONS_LIMIT]
    known = {name: reasons[name] for name in kept if reasons[name]}
    other = sum(reasons.values()) - sum(known.values())
    return {**known, OTHER: known.get(OTHER, 0) + other} if other else known


def _bounded(counts: EngineCounts) -> EngineCounts:
    """Another version may come back with other reasons and bounds."""
    return msgspec.structs.replace(
        counts,
        finished_requests=_folded(counts.finished_requests),
        time_to_first_token=_within(counts.time_to_first_token),
        time_per_output_token=_within(counts.time_per_output_token),
    )


def _folded(reasons: dict[str, int]) -> dict[str, int]:
    """In the order in which they came: none that is there already may lose what it has."""
    surplus = [name for name in reasons if name != OTHER][REASONS_LIMIT:]
    if not surplus:
        return reasons
    left = {name: n for name, n in reasons.items() if name not in surplus}
    return {**left, OTHER: left.get(OTHER, 0) + sum(reasons[name] for name in surplus)}


def _within(histogram: EngineHistogram) -> EngineHistogram:
    """Values of bounds beyond the limit go to the next larger one that was there before, or above all."""
    surplus = list(histogram.buckets)[BOUNDS_LIMIT:]
    if not surplus:
        return histogram
    buckets = {bound: n for bound, n in histogram.buckets.items() if bound not in surplus}
    overflow = histogram.overflow
    for bound in surplus:
        place = min((kept for kept in buckets if kept > bound), default=None)
        if place is None:
            overflow += histogram.buckets[bound]
        else:
            buckets[place] += histogram.buckets[bound]
    return EngineHistogram(histogram.sum_nano, buckets, overflow)
