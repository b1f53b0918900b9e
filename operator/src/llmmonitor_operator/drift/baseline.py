"""What requests and answers used to look like: windows of the monitor's own past, by the hour of the week.

At most one window an hour is taken in, so that a baseline is as wide as the time that it spans, however much
traffic there is. All of them are summed in cells, one for each hour of the week; some hundreds, evenly
spread over the time, are kept one by one, to see how far chance alone takes a window (`null.py`). What is
expected at an hour is its cell shrunk to its hour of the day, and that to everything: a cell stands alone
after VISITS windows. The baseline grows for eight weeks, in which every hour of the week is seen so often,
and by windows alone in which nothing is unusual; then it stands until somebody accepts a new one.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from llmmonitor_operator.drift.index import Reference
from llmmonitor_operator.drift.null import WINDOWS_NEEDED, Null
from llmmonitor_operator.drift.window import Window, add, closed, packed, summed, unpacked

VISITS = 8
KEPT_LIMIT = 336
"""Windows that are kept one by one: one for every second of a fortnight's hours at least."""
CELL_CATEGORIES_LIMIT = 128
"""Of one feature in a cell, whatever clients think of over eight weeks."""
GROWS_SECONDS = 8 * 7 * 86_400.0
RELEARNT_EVERY = 24
"""Windows taken in."""
_HOUR, _DAY_HOURS, _WEEK_HOURS = 3_600, 24, 168
_NO_HOUR = -1
"""The cell of windows that took too long to be of an hour."""


class Learnt(msgspec.Struct, frozen=True):
    """What was found out from the windows that are kept."""

    nulls: dict[str, Null]
    """By feature; only of those with windows enough."""
    categories: dict[str, tuple[int, ...]]
    """By feature that has any: those told apart, the rest is OTHER."""
    taken_in: int
    """Of the baseline, when it was learnt."""


class Baseline(msgspec.Struct, frozen=True, omit_defaults=True):
    """The past; `Baseline()` knows nothing yet."""

    begun_at: float = 0.0
    ended_at: float = 0.0
    accepted: str = ""
    """What the owner said when this one was to begin; empty if nobody asked for it."""
    window: int = 0
    """Requests per window, as asked for; windows of another size are of another baseline."""
    vocabulary_key: str = ""
    """By which words are in buckets, and only by this one; empty: there are none yet."""
    windows: int = 0
    """That closed since, taken in or not, while it grew."""
    taken_in: int = 0
    requests: int = 0
    last_hour: int = 0
    """Since 1970: of the last window that was taken in."""
    stride: int = 1
    """Every so manyth of those taken in is kept."""
    kept: tuple[bytes, ...] = ()
    """`window.packed`, in order."""
    cells: dict[int, bytes] = {}
    """By hour of the week: all its windows, added."""
    visits: dict[int, int] = {}
    """By the same: how many."""
    everything: bytes = b""
    learnt: Learnt | None = None

    @property
    def seconds(self) -> float:
        """The time that it spans."""
        return self.ended_at - self.begun_at

    def complete(self, min_seconds: float) -> bool:
        """Whether it spans time enough and has windows enough to judge by."""
        return self.seconds >= min_seconds and self.taken_in >= WINDOWS_NEEDED

    def learning_due(self, min_seconds: float) -> bool:
        """Whether to learn (anew) from it."""
        if not self.complete(min_seconds):
            return False
        return self.learnt is None or self.taken_in >= self.learnt.taken_in + RELEARNT_EVERY


def grown(baseline: Baseline, window: Window, *, usual: bool) -> Baseline:
    """The baseline after a window closed: with it, unless it is unusual or its hour has one already."""
    if baseline.windows and baseline.seconds >= GROWS_SECONDS:
        return baseline
    begun_at = baseline.begun_at if baseline.windows else window.begin
    counted = msgspec.structs.replace(
        baseline, begun_at=begun_at, ended_at=max(window.end, baseline.ended_at), windows=baseline.windows + 1
    )
    hour = int(window.end // _HOUR)
    if not usual or hour <= baseline.last_hour:
        return counted
    cell = _NO_HOUR if window.hour is None else window.hour
    kept, stride = baseline.kept, baseline.stride
    if baseline.taken_in % stride == 0:
        kept = (*kept, packed(window))
    if len(kept) > KEPT_LIMIT:
        kept, stride = kept[::2], 2 * stride
    return msgspec.structs.replace(
        counted,
        taken_in=baseline.taken_in + 1,
        requests=baseline.requests + window.requests,
        last_hour=hour,
        kept=kept,
        stride=stride,
        cells=baseline.cells | {cell: _with(baseline.cells.get(cell), window)},
        visits=baseline.visits | {cell: baseline.visits.get(cell, 0) + 1},
        everything=_with(baseline.everything, window),
    )


def _with(cell: bytes | None, window: Window) -> bytes:
    if not cell:
        return packed(window)
    before = unpacked(cell)
    both = Window(
        requests=before.requests + window.requests,
        counts=summed([before.counts, window.counts]),
        completions=summed([before.completions, window.completions]),
    )
    return packed(closed(both, CELL_CATEGORIES_LIMIT))


class Expected:
    """What is expected at an hour, by a baseline; cells are read when they are asked for, and once."""

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._read: dict[int, Window] = {}
        self.everything = unpacked(baseline.everything)

    def reference(self, feature: str, hour: int | None, without: Window | None = None) -> Reference | None:
        """The reference of one feature, as if `without` were not in it; None where nothing is known."""
        left_out = without.counts.get(feature, {}) if without else {}
        overall = dict(self.everything.counts.get(feature, {}))
        add(overall, left_out, -1)
        found = _reference(overall)
        if found is None or hour is None:
            return found
        day_hours = range(hour % _DAY_HOURS, _WEEK_HOURS, _DAY_HOURS)
        at_day = summed([self._cell(one).counts for one in day_hours if one in self._baseline.cells])
        at_week = self._cell(hour).counts if hour in self._baseline.cells else {}
        one_less = without is not None and without.hour == hour
        for counts, hours in ((at_day, day_hours), (at_week, (hour,))):
            buckets = dict(counts.get(feature, {}))
            if one_less:
                add(buckets, left_out, -1)
            visits = sum(self._baseline.visits.get(one, 0) for one in hours) - one_less
            found = _shrunk(_reference(buckets), found, visits)
        return found

    def strata(self, without: Window | None = None) -> dict[int, Reference]:
        """The references of completions by stratum, at any hour."""
        result = {}
        for stratum, counts in self.everything.completions.items():
            buckets = dict(counts)
            if without is not None:
                add(buckets, without.completions.get(stratum, {}), -1)
            reference = _reference(buckets)
            if reference is not None:
                result[stratum] = reference
        return result

    def _cell(self, hour: int) -> Window:
        if hour not in self._read:
            self._read[hour] = unpacked(self._baseline.cells[hour])
        return self._read[hour]


def _reference(buckets: Mapping[int, int]) -> Reference | None:
    size = sum(buckets.values())
    return Reference({bucket: n / size for bucket, n in buckets.items()}, size) if size > 0 else None


def _shrunk(cell: Reference | None, towards: Reference, visits: int) -> Reference:
    """The cell for as much as it was visited; sizes by the variance of a weighted mean."""
    weight = min(1.0, visits / VISITS) if cell is not None else 0.0
    if cell is None or not weight:
        return towards
    rest = 1 - weight
    every = cell.shares.keys() | towards.shares.keys()
    shares = {one: weight * cell.shares.get(one, 0.0) + rest * towards.shares.get(one, 0.0) for one in every}
    return Reference(shares, 1 / (weight**2 / cell.size + rest**2 / towards.size))
