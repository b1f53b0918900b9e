"""Adds what happened between two reports to the windows of a monitor's state.

Good and bad events are shared out evenly over the time they happened in. Histograms cannot be shared out:
they go to the cell in which that time ends, and not at all into a tier that is too fine for so long a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from llmmonitor_api.report import merge
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.state import State
from llmmonitor_operator.windows import COUNT_TIERS, FIGURE_TIERS, Count, Tier, spread, without_old


@dataclass(frozen=True, slots=True)
class Happened:
    """What one source counted in (begin, end], Unix seconds."""

    begin: float
    end: float
    figures: Figures
    counts: dict[str, Count]
    """By objective key; only of objectives that had events."""

    def has_place(self, tier: Tier) -> bool:
        """Whether the time is short against the tier's reach."""
        return 2 * (self.end - self.begin) <= tier.reach_seconds


def accumulate(state: State, happened: Happened, now: float) -> State:
    """The state with it; cells older than their tier keeps at `now` are dropped."""
    end = happened.end
    figures = happened.figures
    from_before = state.figures_from or (None,) * len(FIGURE_TIERS)
    return msgspec.structs.replace(
        state,
        counts=tuple(
            _count_cells(cells, tier, happened, now)
            for cells, tier in zip(state.counts, COUNT_TIERS, strict=True)
        ),
        figures=tuple(
            _figure_cells(cells, tier, happened, now)
            for cells, tier in zip(state.figures, FIGURE_TIERS, strict=True)
        ),
        figures_from=tuple(
            _figures_from(before, tier, happened)
            for before, tier in zip(from_before, FIGURE_TIERS, strict=True)
        ),
        newest_at=max(end, state.newest_at or end),
        events_at=state.events_at | {key: max(end, state.events_at.get(key, end)) for key in happened.counts},
        progress_at=max(end, state.progress_at or end) if figures.progress else state.progress_at,
    )


def _count_cells(
    tier_cells: dict[str, dict[int, Count]], tier: Tier, happened: Happened, now: float
) -> dict[str, dict[int, Count]]:
    result = dict(tier_cells)
    for key, count in happened.counts.items():
        cells = without_old(result.get(key, {}), tier, now)
        for index, share in spread(count, happened.begin, happened.end, tier):
            cells[index] = cells.get(index, Count()) + share
        result[key] = without_old(cells, tier, now)
    return result


def _figure_cells(
    cells: dict[int, Figures], tier: Tier, happened: Happened, now: float
) -> dict[int, Figures]:
    if happened.figures == Figures() or not happened.has_place(tier):
        return cells
    result = dict(cells)
    index = tier.index(happened.end)
    result[index] = merge.add(result[index], happened.figures) if index in result else happened.figures
    return without_old(result, tier, now)


def _figures_from(before: float | None, tier: Tier, happened: Happened) -> float:
    if not happened.has_place(tier):
        return happened.end if before is None else max(before, happened.end)
    return happened.begin if before is None else min(before, happened.begin)
