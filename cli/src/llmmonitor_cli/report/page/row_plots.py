"""Draws things beside one another, a row each: figures with their intervals and limits, and what lasted."""

from __future__ import annotations

from functools import partial

from llmmonitor_api.shortened import shortened
from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import Interval, IntervalPlot, SpanPlot, Tone
from llmmonitor_cli.report.page.drawing import Drawing, Scale, ticks, time_ticks

_NARROW = 500
_TOP, _BOTTOM, _SIDE = 18, 24, 12
_NAMES_LEAST, _NAMES_MOST, _VALUES_WIDE = 120, 256, 88
_CHARACTER = 7.0
"""Units of one of a name, as wide as most fonts have it."""
_ROW, _ROW_NARROW = 26, 42
_NAME_CHARACTERS = 34


def interval_plot(plot: IntervalPlot, width: int) -> Drawing:
    """The picture, so many units wide."""
    narrow = width < _NARROW
    row = _ROW_NARROW if narrow else _ROW
    drawing = Drawing(width, _TOP + row * len(plot.rows) + _BOTTOM)
    spelled = partial(spelling.spelled, unit=plot.unit)
    marks = ticks(*_ends(plot), 3 if narrow else 5)
    left = _SIDE if narrow else _names_wide(plot)
    across = Scale(marks[0], marks[-1], left + 4, width - _VALUES_WIDE)
    bottom = drawing.height - _BOTTOM
    for mark in marks:
        drawing.line(across.at(mark), _TOP, across.at(mark), bottom, "grid" if mark else "axis")
        drawing.text(across.at(mark), drawing.height - 6, spelled(mark), anchor="middle")
    for limit in plot.lines:
        drawing.line(across.at(limit.value), _TOP - 2, across.at(limit.value), bottom, "limit")
    for label in dict.fromkeys(one.label for one in plot.lines):
        at = max(one.value for one in plot.lines if one.label == label)
        anchor = "end" if across.at(at) > width / 2 else "start"
        drawing.text(across.at(at), _TOP - 6, label, "limit-label", anchor)
    for place, one in enumerate(plot.rows):
        middle = _TOP + row * place + (row * 0.68 if narrow else row / 2)
        name = shortened(one.name, _NAME_CHARACTERS)
        if narrow:
            drawing.text(_SIDE, _TOP + row * place + 14, name, "name")
        else:
            drawing.text(left - 8, middle + 4, name, "name", "end")
        _interval(one, drawing, across, middle, partial(_tooltip, plot=plot))
        drawing.text(width - _VALUES_WIDE + 10, middle + 4, spelled(one.value), f"value {one.tone.value}")
    return drawing


def _names_wide(plot: IntervalPlot) -> float:
    longest = max((len(shortened(one.name, _NAME_CHARACTERS)) for one in plot.rows), default=0)
    return min(_NAMES_MOST, max(_NAMES_LEAST, longest * _CHARACTER + 2 * _SIDE))


def span_plot(plot: SpanPlot, width: int) -> Drawing:
    """The picture, so many units wide."""
    drawing = Drawing(width, _TOP + _ROW_NARROW * len(plot.spans) + _BOTTOM)
    across = Scale(plot.begin, plot.end, _SIDE, width - _SIDE)
    bottom = drawing.height - _BOTTOM
    for at, label in time_ticks(plot.begin, plot.end, 4 if width < _NARROW else 8):
        drawing.line(across.at(at), _TOP, across.at(at), bottom, "grid")
        anchor = "end" if across.at(at) > width - 30 else "middle"
        drawing.text(across.at(at), drawing.height - 6, label, anchor=anchor)
    for place, one in enumerate(plot.spans):
        y = _TOP + _ROW_NARROW * place
        begin, end = across.at(one.begin), across.at(one.end)
        words = f"{one.name}: {spelling.moment(one.begin)} to {spelling.moment(one.end)}"
        drawing.rectangle((begin, y + 20, max(3.0, end - begin), 12), f"span {one.tone.value}", words)
        drawing.text(_SIDE, y + 14, f"{shortened(one.name, _NAME_CHARACTERS)} · {one.label}", "name")
    for moment in plot.moments:
        drawing.line(across.at(moment.at), _TOP, across.at(moment.at), bottom, "moment")
        anchor = "end" if across.at(moment.at) > width / 2 else "start"
        drawing.text(across.at(moment.at), _TOP - 5, moment.label, "limit-label", anchor)
    return drawing


def _ends(plot: IntervalPlot) -> tuple[float, float]:
    values = [0.0, *(one.value for one in plot.lines)]
    for one in plot.rows:
        values += filter(None, (one.value, one.low, one.high, one.limit))
    low, high = min(values), max(values)
    if plot.centred and low < 0 < high:
        high = max(high, -low)
        low = -high
    return low, high


def _interval(one: Interval, drawing: Drawing, across: Scale, y: float, tooltip: partial[str]) -> None:
    at = across.at(one.value)
    if one.low is None and one.high is None:
        zero = across.at(0.0)
        drawing.rectangle((min(zero, at), y - 5, abs(at - zero), 10), f"span {one.tone.value}", tooltip(one))
    else:
        begin = at if one.low is None else across.at(one.low)
        end = at if one.high is None else across.at(one.high)
        drawing.line(begin, y, end, y, f"whisker {one.tone.value}")
        for edge in [begin] * (one.low is not None) + [end] * (one.high is not None):
            drawing.line(edge, y - 4, edge, y + 4, f"whisker {one.tone.value}")
        if one.tone is Tone.BAD:
            drawing.rectangle((at - 4.5, y - 4.5, 9, 9), "dot bad", tooltip(one))
        else:
            drawing.circle(at, y, 5, f"dot {one.tone.value}", tooltip(one))
    if one.limit is not None:
        drawing.line(across.at(one.limit), y - 9, across.at(one.limit), y + 9, "limit-tick")


def _tooltip(one: Interval, plot: IntervalPlot) -> str:
    words = f"{one.name}: {spelling.spelled(one.value, plot.unit)}"
    if one.limit is not None:
        words += f", {plot.limit_label} {spelling.spelled(one.limit, plot.unit)}"
    return words if one.n is None else f"{words}, n={spelling.count(one.n)}"
