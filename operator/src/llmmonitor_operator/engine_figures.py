"""Adds and subtracts what engines count: the part of `figures` that is about them.

As `merge.add` and `merge.since` would, many times as fast. Of the engines' histograms only count and sum are
kept: their bounds are in every sidecar's own metrics, and would not fit a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

import msgspec

from llmmonitor_api.report import merge
from llmmonitor_api.report.engine_counts import (
    OTHER,
    REASONS_LIMIT,
    Compared,
    EngineCounts,
    EngineHistogram,
    Pair,
)

NO_ENGINE = EngineCounts()
NOT_COMPARED = Compared()
_COUNTS = ("answered", "token_requests", "uncounted_requests")
_PAIRS = ("requests", "prompt_tokens", "generation_tokens", "first_tokens", "first_token_nanoseconds")
_COMPARED = (*_COUNTS, *(f"{pair}.{side}" for pair in _PAIRS for side in ("engine", "wire")))
_ALL_COMPARED = attrgetter(*_COMPARED)


def without_bounds(counts: EngineCounts) -> EngineCounts:
    """Count and sum of the histograms alone."""
    if counts == NO_ENGINE:
        return NO_ENGINE
    return msgspec.structs.replace(
        counts,
        time_to_first_token=_plain(counts.time_to_first_token),
        time_per_output_token=_plain(counts.time_per_output_token),
    )


def total_engine(parts: Iterable[EngineCounts]) -> EngineCounts:
    """The sum of some that are `without_bounds`."""
    every = [one for one in parts if one is not NO_ENGINE and one != NO_ENGINE]
    if len(every) <= 1:
        return every[0] if every else NO_ENGINE
    finished: dict[str, int] = {}
    for one in every:
        for reason, times in one.finished_requests.items():
            finished[reason] = finished.get(reason, 0) + times
    return EngineCounts(
        restarts=sum([one.restarts for one in every]),
        prompt_tokens=sum([one.prompt_tokens for one in every]),
        generation_tokens=sum([one.generation_tokens for one in every]),
        preemptions=sum([one.preemptions for one in every]),
        finished_requests=_within_limit(finished),
        time_to_first_token=_sum([one.time_to_first_token for one in every]),
        time_per_output_token=_sum([one.time_per_output_token for one in every]),
    )


def engine_since(newer: EngineCounts, older: EngineCounts) -> EngineCounts:
    """What was added.

    Raises:
        CountersWentBack: anything got smaller.
    """
    return NO_ENGINE if newer == older else merge.since(newer, older)


def total_compared(parts: Iterable[Compared]) -> Compared:
    """The sum."""
    every = [one for one in parts if one is not NOT_COMPARED and one != NOT_COMPARED]
    if len(every) <= 1:
        return every[0] if every else NOT_COMPARED
    return _compared([sum(values) for values in zip(*map(_ALL_COMPARED, every), strict=True)])


def compared_since(newer: Compared, older: Compared) -> Compared:
    """What was added.

    Raises:
        CountersWentBack: anything got smaller.
    """
    if newer == older:
        return NOT_COMPARED
    after, before = _ALL_COMPARED(newer), _ALL_COMPARED(older)
    for name, new, old in zip(_COMPARED, after, before, strict=True):
        if new < old:
            raise merge.CountersWentBack(f"compared.{name}: {new} after {old}")
    return _compared([new - old for new, old in zip(after, before, strict=True)])


def _compared(values: list[int]) -> Compared:
    """From the order of `_COMPARED`."""
    answered, token_requests, uncounted_requests, *sides = values
    requests, prompt_tokens, generation_tokens, first_tokens, first_token_nanoseconds = (
        Pair(engine, wire) for engine, wire in zip(sides[::2], sides[1::2], strict=True)
    )
    return Compared(
        requests=requests,
        answered=answered,
        prompt_tokens=prompt_tokens,
        generation_tokens=generation_tokens,
        token_requests=token_requests,
        uncounted_requests=uncounted_requests,
        first_tokens=first_tokens,
        first_token_nanoseconds=first_token_nanoseconds,
    )


def _within_limit(reasons: dict[str, int]) -> dict[str, int]:
    """With those beyond the limit as OTHER, for more than a report may have could not be read again.

    The first in order stay, so that it does not matter in which order parts are added (as in
    `report.frequency`).
    """
    if len(reasons) <= REASONS_LIMIT:
        return reasons
    kept = {name: reasons[name] for name in sorted(reasons.keys() - {OTHER})[:REASONS_LIMIT]}
    other = sum(reasons.values()) - sum(kept.values())
    return {**kept, OTHER: other} if other else kept


def _plain(values: EngineHistogram) -> EngineHistogram:
    return EngineHistogram(values.sum_nano, {}, values.count)


def _sum(parts: list[EngineHistogram]) -> EngineHistogram:
    return EngineHistogram(sum([one.sum_nano for one in parts]), {}, sum([one.overflow for one in parts]))
