"""Cells of time put together to stretches that a plot has room for, and to days and hours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from llmmonitor_cli.report.document import Point, Series, Stretch
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.statistics import Estimated
from llmmonitor_operator.anomalies.cell import CELL_SECONDS, Cell
from llmmonitor_operator.state import State
from llmmonitor_operator.windows import COUNT_TIERS, Count

T = TypeVar("T")
POINTS_LIMIT = 124
"""Of one line: a quarter of an hour's for a day, six hours' for a month."""
_STEPS = (300, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 2 * 86_400, 4 * 86_400)
HOUR, DAY = 3_600, 86_400
_HOURS, _DAYS = 2, 3
"""Tiers of COUNT_TIERS."""
_DAYS_NEEDED, _HOURS_NEEDED = 7, 12


def within(cells: Mapping[int, T], period: Period, seconds: int = CELL_SECONDS) -> dict[int, T]:
    """The cells of so many seconds whose middle is in the period."""
    return {at: cell for at, cell in cells.items() if period.holds((at + 0.5) * seconds)}


def whole(period: Period, seconds: int) -> Period:
    """The period of just those cells that `within` gives: a cell belongs to it when its middle does."""
    return Period(*(round(at / seconds) * float(seconds) for at in (period.begin, period.end)))


def step_of(period: Period, finest: int = CELL_SECONDS) -> int:
    """Seconds of a point, so that there are not more than POINTS_LIMIT."""
    steps = [one for one in _STEPS if one >= finest and period.seconds / one <= POINTS_LIMIT]
    return steps[0] if steps else _STEPS[-1]


def grouped(cells: Mapping[int, T], step: int, seconds: int = CELL_SECONDS) -> dict[int, list[T]]:
    """The cells of so many seconds by stretches of `step` seconds."""
    found: dict[int, list[T]] = {}
    for at, cell in sorted(cells.items()):
        found.setdefault(at * seconds // step, []).append(cell)
    return found


def batches(cells: Mapping[int, Cell], period: Period) -> tuple[list[list[Cell]], str]:
    """By what the figure of a whole period has its interval: days if there are enough, else hours."""
    days = list(grouped(cells, DAY).values())
    if period.seconds >= _DAYS_NEEDED * DAY and len(days) >= _DAYS_NEEDED:
        return days, "between days"
    hours = list(grouped(cells, HOUR).values())
    if len(hours) >= _HOURS_NEEDED:
        return hours, "between hours"
    return [[cell] for cell in cells.values()], "between stretches of five minutes"


def holes(cells: Mapping[int, T], period: Period) -> list[Stretch]:
    """Stretches of an hour or more in the period of which no five minutes are known: idle, or unread."""
    known = sorted(within(cells, period))
    ends = [period.begin, *(float((at + 1) * CELL_SECONDS) for at in known)]
    begins = [*(float(at * CELL_SECONDS) for at in known), period.end]
    return [
        Stretch(begin=end, end=begin) for end, begin in zip(ends, begins, strict=True) if begin - end >= HOUR
    ]


def line(  # noqa: PLR0913 - whose cells, and what is read of them
    name: str,
    cells: Mapping[int, T],
    period: Period,
    step: int,
    read: Callable[[list[T]], Estimated | None],
    *,
    seconds: int = CELL_SECONDS,
) -> Series:
    """One point a stretch, of those that `read` has a figure of; cells are of so many seconds."""
    points = []
    for at, some in grouped(cells, step, seconds).items():
        found = read(some)
        if found is not None:
            points.append(
                Point(
                    begin=max(period.begin, float(at * step)),
                    end=min(period.end, float((at + 1) * step)),
                    value=found.value,
                    low=found.low,
                    high=found.high,
                    n=round(found.n),
                )
            )
    return Series(name=name, points=tuple(points))


def counted(state: State, key: str, period: Period) -> tuple[dict[int, Count], int]:
    """Events of one objective or kind within the period, and how many seconds a cell of them has.

    By the hour as far back as hours are kept (10 days), else by whole days, which are kept for a hundred;
    where a checkpoint had no room for days, the hours that there are.
    """
    newest = state.newest_at or period.end
    tiers = (_HOURS,) if newest - period.begin <= COUNT_TIERS[_HOURS].reach_seconds else (_DAYS, _HOURS)
    for place in tiers:
        seconds = COUNT_TIERS[place].cell_seconds
        if found := within(state.counts[place].get(key, {}), period, seconds):
            return found, seconds
    return {}, COUNT_TIERS[tiers[0]].cell_seconds
