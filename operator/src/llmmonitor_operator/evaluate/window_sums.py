"""Sums of windows' figures, kept from one evaluation of a monitor to the next.

Of an hour's dozen cells one is added to from pass to pass; to unpack and add up the others each time took a
third of a status document. So the sum of all but the last cell is kept, packed, as long as they are the very
objects that it is of, for nothing packed is ever changed. No judgement depends on what is kept: it is no part
of the state, and without it sums are made anew.
"""

from __future__ import annotations

from llmmonitor_operator.figures import Figures
from llmmonitor_operator.packed_figures import PackedFigures, are_identical, total_of
from llmmonitor_operator.state import State
from llmmonitor_operator.windows import FIGURE_TIERS, tier_for

_KEPT_LIMIT = 8
"""Lengths of windows, of which a spec has a few."""
_WORTH_KEEPING = 3
"""Cells."""
_FINEST = 0
"""The tier whose cells are shorter than the time between two evaluations: each has another last one."""


class WindowSums:
    """Those of one monitor."""

    def __init__(self) -> None:
        self._kept: dict[float, tuple[list[PackedFigures], PackedFigures]] = {}
        """By seconds of a window: its cells but the last, and their sum."""

    def of(self, state: State, seconds: float, *, histograms: bool = True) -> Figures:
        """The same as `state.window`."""
        cells = state.window_cells(seconds)
        if tier_for(FIGURE_TIERS, seconds) == _FINEST or len(cells) < _WORTH_KEEPING:
            return total_of(cells, histograms=histograms)
        *closed, newest = cells
        return total_of((self._sum(seconds, closed), newest), histograms=histograms)

    def _sum(self, seconds: float, closed: list[PackedFigures]) -> PackedFigures:
        known, found = self._kept.get(seconds, ([], None))
        if found is None or not are_identical(known, closed):
            found = PackedFigures(total_of(closed))
            if len(self._kept) >= _KEPT_LIMIT:
                self._kept.clear()
            self._kept[seconds] = closed, found
        return found
