"""Cells of time in several resolutions: what happened when, bounded in number.

Everything counted is added to every tier at once: fine cells for the short windows of burn rates, coarse ones
for long windows. A window is read from the finest tier that reaches back far enough. A cell belongs to a
window when its middle does, so that a window is never off by more than half a cell. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tier:
    """Cells of one length."""

    cell_seconds: int
    cells: int
    """How many are kept."""

    @property
    def reach_seconds(self) -> int:
        """How far back it goes."""
        return self.cell_seconds * self.cells

    def index(self, at: float) -> int:
        """The cell that holds `at`."""
        return int(at // self.cell_seconds)


COUNT_TIERS = (Tier(5, 180), Tier(60, 360), Tier(3600, 240), Tier(86_400, 100))
"""Good and bad events: 15 min, 6 h, 10 d, 100 d. The longest objective is over 90 d, its longest burn rate
over 9 d; longer history is no part of the state that every evaluation reads."""
FIGURE_TIERS = (Tier(10, 60), Tier(300, 15), Tier(10_800, 9))
"""Histograms, which are a hundred times larger: 10 min, 75 min, 27 h."""
FINEST = 0
"""The place of the finest tier."""


class Count(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Good and bad events."""

    good: int = 0
    bad: int = 0

    @property
    def total(self) -> int:
        """All events."""
        return self.good + self.bad

    def __add__(self, other: Count) -> Count:
        return Count(self.good + other.good, self.bad + other.bad)

    def __sub__(self, other: Count) -> Count:
        return Count(self.good - other.good, self.bad - other.bad)


def add_counts(counts: dict[K, Count], more: Iterable[tuple[K, Count]]) -> None:
    """Add in place, by key."""
    for key, count in more:
        counts[key] = counts[key] + count if key in counts else count


def tier_for(tiers: tuple[Tier, ...], seconds: float) -> int:
    """The place of the finest tier that holds a window of `seconds`; the coarsest if none does."""
    for place, tier in enumerate(tiers):
        if seconds <= tier.reach_seconds:
            return place
    return len(tiers) - 1


def within(cells: Mapping[int, T], tier: Tier, seconds: float, end: float) -> list[T]:
    """The cells of the window that ends at `end`, mostly in the order of time."""
    last = tier.index(end)
    first = tier.index(end - seconds - tier.cell_seconds / 2) + 1  # the first whose middle is after the begin
    if last - first < len(cells):
        return [cell for cell in map(cells.get, range(first, last + 1)) if cell is not None]
    return [cell for index, cell in cells.items() if first <= index <= last]


def without_old(cells: Mapping[int, T], tier: Tier, now: float) -> dict[int, T]:
    """`cells` without those that the tier no longer keeps."""
    oldest = tier.index(now) - tier.cells
    kept = dict(cells)
    for index in [index for index in kept if index <= oldest]:  # seldom many
        del kept[index]
    return kept


def spread(count: Count, begin: float, end: float, tier: Tier) -> Iterator[tuple[int, Count]]:
    """`count`, which happened evenly in (begin, end], shared out to the cells it touches; sums are exact.

    A long gap between two reports must not look like a burst at its end.
    """
    size = tier.cell_seconds
    whole_good, whole_bad = count.good, count.bad
    last, first = int(end // size), int(begin // size)
    length = end - begin
    good = bad = 0
    if length <= 0:
        first = last
    elif first <= last - tier.cells:  # what lies before the tier's reach is not kept
        first = last - tier.cells + 1
        share = (first * size - begin) / length
        good, bad = int(whole_good * share), int(whole_bad * share)
    for index in range(first, last):
        share = ((index + 1) * size - begin) / length
        good_until = int(whole_good * share)
        bad_until = int(whole_bad * share) if whole_bad else 0
        if good_until > good or bad_until > bad:
            yield index, Count(good_until - good, bad_until - bad)
            good, bad = good_until, bad_until
    if whole_good > good or whole_bad > bad:
        yield last, Count(whole_good - good, whole_bad - bad)
