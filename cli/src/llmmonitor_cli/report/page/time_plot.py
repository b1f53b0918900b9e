"""Draws figures over time: lines with their intervals, or stacked bars; stretches without any are hatched."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import Point, Series, TimePlot
from llmmonitor_cli.report.page.drawing import Drawing, Scale, ticks, time_ticks

SERIES_COLOURS = 6
_HEIGHT, _TOP, _BOTTOM, _RIGHT = 200, 16, 24, 10
_NARROW = 500
_LEFT_PER_CHARACTER, _LEFT = 6.6, 14
_BAND_LIMIT = 2.0
"""A band is cut off at so many times the largest value, lest one lonely point flatten all others."""
_TICKS = 4


def time_plot(plot: TimePlot, width: int) -> Drawing:
    """The picture, so many units wide."""
    drawing = Drawing(width, _HEIGHT)
    spelled = partial(spelling.spelled, unit=plot.unit, currency=plot.currency)
    marks = ticks(0.0, _top(plot), _TICKS)
    left = _LEFT + _LEFT_PER_CHARACTER * max(len(spelled(one)) for one in marks)
    across = Scale(plot.begin, plot.end, left, width - _RIGHT)
    up = Scale(marks[0], marks[-1], _HEIGHT - _BOTTOM, _TOP)
    for one in marks:
        drawing.line(left, up.at(one), width - _RIGHT, up.at(one), "grid")
        drawing.text(left - 6, up.at(one) + 4, spelled(one), anchor="end")
    for at, label in time_ticks(plot.begin, plot.end, 4 if width < _NARROW else 8):
        drawing.line(across.at(at), _HEIGHT - _BOTTOM, across.at(at), _HEIGHT - _BOTTOM + 4, "axis")
        drawing.text(across.at(at), _HEIGHT - 6, label, anchor=_anchor(across.at(at), width))
    _gaps(plot, drawing, across, up)
    if plot.stacked:
        _bars(plot, drawing, across, up, spelled)
    else:
        for place, series in enumerate(plot.series):
            _line(series, place, drawing, across, up)
    drawing.line(left, _HEIGHT - _BOTTOM, width - _RIGHT, _HEIGHT - _BOTTOM, "axis")
    for limit in plot.lines:
        drawing.line(left, up.at(limit.value), width - _RIGHT, up.at(limit.value), "limit")
        drawing.text(left + 4, up.at(limit.value) - 4, limit.label, "limit-label")
    for moment in plot.moments:
        drawing.line(across.at(moment.at), _TOP, across.at(moment.at), _HEIGHT - _BOTTOM, "moment")
    for label in dict.fromkeys(one.label for one in plot.moments):
        at = across.at(max(one.at for one in plot.moments if one.label == label))
        drawing.text(at, _TOP - 5, label, "limit-label", "end" if at > width / 2 else "start")
    if not plot.stacked and width >= _NARROW:
        _tooltips(plot, drawing, across, spelled)
    return drawing


def colour(place: int) -> str:
    """The class of the series at that place."""
    return f"c{place % SERIES_COLOURS + 1}"


def _top(plot: TimePlot) -> float:
    if plot.stacked:
        sums: dict[float, float] = {}
        for series in plot.series:
            for point in series.points:
                sums[point.begin] = sums.get(point.begin, 0.0) + point.value
        values = list(sums.values())
    else:
        values = [point.value for series in plot.series for point in series.points]
    most = max([*values, *(one.value for one in plot.lines)], default=0.0)
    ends = [point.high for series in plot.series for point in series.points if point.high is not None]
    return max(most, min(max(ends, default=0.0), _BAND_LIMIT * most)) or 1.0


def _anchor(x: float, width: int) -> str:
    return "end" if x > width - 30 else "middle"


def _gaps(plot: TimePlot, drawing: Drawing, across: Scale, up: Scale) -> None:
    known = sorted({(point.begin, point.end) for series in plot.series for point in series.points})
    ends = [plot.begin, *(end for _, end in known)]
    begins = [*(begin for begin, _ in known), plot.end]
    gaps = [(end, begin) for end, begin in zip(ends, begins, strict=True) if begin - end > 1]
    for begin, end in [(one.begin, one.end) for one in plot.gaps] or gaps:
        x = across.at(begin)
        drawing.rectangle((x, up.end, across.at(end) - x, up.begin - up.end), "gap", "nothing is known")


def _bars(plot: TimePlot, drawing: Drawing, across: Scale, up: Scale, spelled: partial[str]) -> None:
    heights: dict[float, float] = {}
    for place, series in enumerate(plot.series):
        for point in series.points:
            below = heights.get(point.begin, 0.0)
            heights[point.begin] = below + point.value
            if not point.value:
                continue
            x, top = across.at(point.begin), up.at(below + point.value)
            wide = across.at(point.end) - x
            gap = min(2.0, wide / 5)
            text = f"{spelling.moment(point.begin)}, {series.name}: {spelled(point.value)}"
            drawing.rectangle(
                (x + gap / 2, top, wide - gap, up.at(below) - top), f"bar {colour(place)}", text
            )


def _line(series: Series, place: int, drawing: Drawing, across: Scale, up: Scale) -> None:
    for run in _runs(series.points):
        middles = [across.at((point.begin + point.end) / 2) for point in run]
        for banded in _banded(list(zip(middles, run, strict=True))):
            lows = [(x, up.at(point.low or 0.0)) for x, point in banded]
            highs = [(x, up.at(point.high or 0.0)) for x, point in reversed(banded)]
            if len(banded) == 1:
                (x, y), (_, top) = lows[0], highs[0]
                drawing.line(x, y, x, top, f"whisker {colour(place)}")
            else:
                drawing.path(lows + highs, f"band {colour(place)}", closed=True)
        if len(run) == 1:
            drawing.circle(middles[0], up.at(run[0].value), 2.5, f"dot {colour(place)}")
        else:
            places = [(x, up.at(point.value)) for x, point in zip(middles, run, strict=True)]
            drawing.path(places, f"line {colour(place)}")


def _runs(points: tuple[Point, ...]) -> Iterator[list[Point]]:
    """Points that follow one another without a gap."""
    if not points:
        return
    run = [points[0]]
    for before, after in pairwise(points):
        if after.begin - before.end > 1:
            yield run
            run = []
        run.append(after)
    yield run


def _banded(places: list[tuple[float, Point]]) -> Iterator[list[tuple[float, Point]]]:
    run: list[tuple[float, Point]] = []
    for x, point in places:
        if point.low is None or point.high is None:
            if run:
                yield run
            run = []
        else:
            run.append((x, point))
    if run:
        yield run


def _tooltips(plot: TimePlot, drawing: Drawing, across: Scale, spelled: partial[str]) -> None:
    """Of one line, since rectangles over several would hide one another's."""
    if len(plot.series) != 1:
        return
    for point in plot.series[0].points:
        x = across.at(point.begin)
        words = f"{spelling.moment(point.begin)}: {spelled(point.value)}"
        if point.low is not None and point.high is not None:
            words += f" ({spelled(point.low)} to {spelled(point.high)})"
        if point.n is not None:
            words += f", n={spelling.count(point.n)}"
        drawing.rectangle((x, _TOP, across.at(point.end) - x, _HEIGHT - _TOP - _BOTTOM), "hover", words)
