"""Adds what happened between reports to the windows of a monitor's state.

Good and bad events are shared out evenly over the time they happened in. Histograms cannot be shared out:
they go to the cell in which that time ends, and not at all into a tier that is too fine for so long a time.
All pods' reports of one pass are added at once: each map is copied once, whatever their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from llmmonitor_api.report.features import FeatureCounts
from llmmonitor_operator.drift.watch import Watch as DriftWatch
from llmmonitor_operator.drift.window import joined
from llmmonitor_operator.figures import NOTHING, Figures, total
from llmmonitor_operator.interaction_counts import is_interaction
from llmmonitor_operator.outcomes_kept import with_outcomes
from llmmonitor_operator.packed_figures import PackedFigures
from llmmonitor_operator.state import State
from llmmonitor_operator.versions.history import History, counted, pods_of_older
from llmmonitor_operator.windows import (
    COUNT_TIERS,
    FIGURE_TIERS,
    FINEST,
    Count,
    Tier,
    add_counts,
    spread,
    without_old,
)

T = TypeVar("T")


class Happened(msgspec.Struct, frozen=True):
    """What one source counted in (begin, end], Unix seconds."""

    begin: float
    end: float
    figures: Figures
    counts: dict[str, Count]
    """By objective key; only of objectives that had events."""
    features: FeatureCounts = msgspec.field(default_factory=FeatureCounts)
    pod: str = ""
    """The UID of the pod that it happened on."""

    def has_place(self, tier: Tier) -> bool:
        """Whether the time is short against the tier's reach."""
        return 2 * (self.end - self.begin) <= tier.reach_seconds


@dataclass(frozen=True, slots=True)
class Added:
    """What all sources of some reports counted together: summed once, for whoever wants to know."""

    figures: Figures = NOTHING
    counts: Mapping[str, Count] = field(default_factory=dict)
    """By objective key; only of objectives that had events."""


NOTHING_ADDED = Added()


def added(parts: Sequence[Happened | Added]) -> Added:
    """The sum of all parts."""
    counts: dict[str, Count] = {}
    for one in parts:
        add_counts(counts, one.counts.items())
    return Added(total(one.figures for one in parts), counts)


def accumulate(state: State, happened: Sequence[Happened], together: Added, now: float) -> State:
    """The state with all of it; cells older than their tier keeps at `now` are dropped.

    Args:
        state: what was known.
        happened: since then.
        together: the sum of all of it.
        now: Unix seconds.
    """
    if not happened:
        return state
    with_figures = [one for one in happened if one.figures is not NOTHING and one.figures != NOTHING]
    newest = max(one.end for one in happened)
    progressed = max((one.end for one in happened if one.figures.progress), default=None)
    return msgspec.structs.replace(
        state,
        counts=tuple(
            _count_cells(cells, tier, happened, together.counts, now)
            for cells, tier in zip(state.counts, COUNT_TIERS, strict=True)
        ),
        figures=tuple(
            _figure_cells(cells, tier, with_figures, together.figures, now)
            for cells, tier in zip(state.figures, FIGURE_TIERS, strict=True)
        ),
        figures_since=_figures_since(state.figures_since, with_figures, now),
        figures_from=tuple(
            _figures_from(before, tier, happened)
            for before, tier in zip(
                state.figures_from or (None,) * len(FIGURE_TIERS), FIGURE_TIERS, strict=True
            )
        ),
        newest_at=_latest(newest, state.newest_at),
        events_at=_events_at(state.events_at, happened),
        progress_at=state.progress_at if progressed is None else _latest(progressed, state.progress_at),
        drift=_drift(state.drift, happened),
        outcomes=with_outcomes(state.outcomes, _outcomes_of_newest(state.versions, happened), now),
        versions=counted(state.versions, {one.pod: _of_objectives(one) for one in happened}, now),
    )


def _of_objectives(one: Happened) -> tuple[int, dict[str, Count]]:
    """Requests, and what versions are compared by."""
    return one.figures.ended, {key: count for key, count in one.counts.items() if not is_interaction(key)}


def _outcomes_of_newest(
    versions: History, happened: Sequence[Happened]
) -> Iterator[tuple[float, Mapping[str, int]]]:
    """Of live traffic; what people make of an older version says nothing of the one that replaces it."""
    older = pods_of_older(versions)
    return ((one.end, one.figures.live_outcomes) for one in happened if one.pod not in older)


def _drift(before: DriftWatch, happened: Sequence[Happened]) -> DriftWatch:
    window = before.open
    for one in happened:
        window = joined(window, one.features, one.begin, one.end)
    return before if window is before.open else msgspec.structs.replace(before, open=window)


def _latest(at: float, before: float | None) -> float:
    return max(at, before or at)


def _events_at(before: Mapping[str, float], happened: Sequence[Happened]) -> dict[str, float]:
    result = dict(before)
    for one in happened:
        for key in one.counts:
            result[key] = max(one.end, result.get(key, one.end))
    return result


def _count_cells(
    tier_cells: dict[str, dict[int, Count]],
    tier: Tier,
    happened: Sequence[Happened],
    summed: Mapping[str, Count],
    now: float,
) -> dict[str, dict[int, Count]]:
    """Args: summed: the counts of all that happened, which most often is in one cell."""
    first = tier.index(min(one.begin for one in happened))
    last = tier.index(max(one.end for one in happened))
    added = (
        {key: {last: count} for key, count in summed.items()} if first == last else _shares(happened, tier)
    )
    if not added:
        return tier_cells
    result = dict(tier_cells)
    for key, new in added.items():
        cells = _kept(result.get(key, {}), tier, now)
        add_counts(cells, new.items())
        result[key] = without_old(cells, tier, now) if _is_old(min(new), tier, now) else cells
    return result


def _shares(happened: Sequence[Happened], tier: Tier) -> dict[str, dict[int, Count]]:
    """By key and cell."""
    shares: dict[str, dict[int, Count]] = {}
    for one in happened:
        for key, count in one.counts.items():
            add_counts(shares.setdefault(key, {}), spread(count, one.begin, one.end, tier))
    return shares


def _figure_cells(
    cells: dict[int, PackedFigures],
    tier: Tier,
    happened: Sequence[Happened],
    summed: Figures,
    now: float,
) -> dict[int, PackedFigures]:
    """Args: summed: of all that happened, which most often is in one cell."""
    added: dict[int, list[Figures]] = {}
    for one in happened:
        if one.has_place(tier):
            added.setdefault(tier.index(one.end), []).append(one.figures)
    if not added:
        return cells
    result = dict(cells)
    for index, parts in added.items():
        what = summed if len(parts) == len(happened) else total(parts)
        before = result.get(index)
        if before is None:  # a new one, so that nothing comes to the others any more
            result = {place: cell.together() for place, cell in result.items()}
        result[index] = PackedFigures(what) if before is None else before.plus(what)
    return _kept(result, tier, now)


def _kept(cells: dict[int, T], tier: Tier, now: float) -> dict[int, T]:
    """A copy without what is too old; most often nothing is."""
    if cells and _is_old(min(cells), tier, now):
        return without_old(cells, tier, now)
    return dict(cells)


def _is_old(index: int, tier: Tier, now: float) -> bool:
    return index <= tier.index(now) - tier.cells


def _figures_since(before: dict[int, float], happened: Sequence[Happened], now: float) -> dict[int, float]:
    """Where several sources have put something into a cell, by the one whose time began last."""
    tier = FIGURE_TIERS[FINEST]
    more: dict[int, float] = {}
    for one in happened:
        if one.has_place(tier):
            index = tier.index(one.end)
            more[index] = max(one.begin, more.get(index, before.get(index, one.begin)))
    return _kept(before | more, tier, now) if more else before


def _figures_from(before: float | None, tier: Tier, happened: Sequence[Happened]) -> float:
    result = before
    for one in happened:
        if not one.has_place(tier):
            result = one.end if result is None else max(result, one.end)
        else:
            result = one.begin if result is None else min(result, one.begin)
    return result or 0.0
