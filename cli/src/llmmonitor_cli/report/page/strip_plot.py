"""Draws how things stood over time, a strip each: False is thick, so that it shows without colours."""

from __future__ import annotations

from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import StripPlot, Tone
from llmmonitor_cli.report.page.drawing import Drawing, Scale, time_ticks

LEGEND = ((Tone.GOOD.value, "True"), (Tone.BAD.value, "False (thick)"), (Tone.UNKNOWN.value, "Unknown"))
_NARROW = 500
_TOP, _BOTTOM, _SIDE = 18, 24, 12
_NAMES_WIDE = 160
_ROW, _ROW_NARROW = 24, 36
_THICK, _THIN = 16, 6
_LEAST = 2.0
"""Units of a span, however short: a minute that did not hold must show in a month."""


def strip_plot(plot: StripPlot, width: int) -> Drawing:
    """The picture, so many units wide."""
    narrow = width < _NARROW
    row = _ROW_NARROW if narrow else _ROW
    drawing = Drawing(width, _TOP + row * len(plot.strips) + _BOTTOM)
    across = Scale(plot.begin, plot.end, _SIDE if narrow else _NAMES_WIDE, width - _SIDE)
    bottom = drawing.height - _BOTTOM
    for at, label in time_ticks(plot.begin, plot.end, 4 if narrow else 8):
        drawing.line(across.at(at), _TOP, across.at(at), bottom, "grid")
        anchor = "end" if across.at(at) > width - 30 else "middle"
        drawing.text(across.at(at), drawing.height - 6, label, anchor=anchor)
    for place, strip in enumerate(plot.strips):
        middle = _TOP + row * place + (26 if narrow else row / 2)
        if narrow:
            drawing.text(_SIDE, middle - 12, strip.name, "name")
        else:
            drawing.text(_NAMES_WIDE - 8, middle + 4, strip.name, "name", "end")
        for one in sorted(strip.spans, key=lambda span: span.tone is Tone.BAD):  # short ones stay on top
            begin, end = across.at(one.begin), across.at(one.end)
            high = _THICK if one.tone is Tone.BAD else _THIN
            words = f"{strip.name} {one.name}: {spelling.moment(one.begin)} to {spelling.moment(one.end)}"
            box = (begin, middle - high / 2, max(_LEAST, end - begin), high)
            drawing.rectangle(box, f"span {one.tone.value}", f"{words}, {one.label}")
    for moment in plot.moments:
        drawing.line(across.at(moment.at), _TOP, across.at(moment.at), bottom, "moment")
    for label in dict.fromkeys(one.label for one in plot.moments):
        at = across.at(max(one.at for one in plot.moments if one.label == label))
        drawing.text(at, _TOP - 5, label, "limit-label", "end" if at > width / 2 else "start")
    return drawing
