"""The document as one HTML page that needs nothing else: style and pictures are in it, scripts are not.

Jinja2 escapes every text (names are strangers'), and the page's own policy forbids whatever might come from
elsewhere, scripts included.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import (
    Document,
    IntervalPlot,
    Plot,
    SpanPlot,
    StripPlot,
    Table,
    TimePlot,
    Tone,
)
from llmmonitor_cli.report.page.drawing import Drawing
from llmmonitor_cli.report.page.row_plots import interval_plot, span_plot
from llmmonitor_cli.report.page.rows import plot_table
from llmmonitor_cli.report.page.strip_plot import LEGEND, strip_plot
from llmmonitor_cli.report.page.time_plot import colour, time_plot

_WIDE, _NARROW = 940, 340
"""Units; a phone's screen has the narrow picture, all others and paper the wide one."""
_SYMBOLS = {Tone.GOOD: "✓", Tone.BAD: "✕", Tone.UNKNOWN: "?", Tone.PLAIN: "·"}
_WORDS = {
    Tone.GOOD: "holds",
    Tone.BAD: "does not hold",
    Tone.UNKNOWN: "no verdict",
    Tone.PLAIN: "information",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot as it stands on the page."""

    id: str
    title: str
    about: str
    note: str
    wide: Drawing
    narrow: Drawing
    table: Table
    legend: tuple[tuple[str, str], ...]
    """Classes and names of several series, or of how things stood."""


def as_html(document: Document) -> str:
    """All of it."""
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            document=document,
            pictures=_pictures(document),
            spelling=spelling,
            symbols=_SYMBOLS,
            words=_WORDS,
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("llmmonitor_cli.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _pictures(document: Document) -> dict[tuple[str, int], Picture]:
    """By section and place in it."""
    return {
        (section.id, place): _picture(f"{section.id}-{place}", block)
        for section in document.sections
        for place, block in enumerate(section.blocks)
        if isinstance(block, Plot)
    }


def _picture(name: str, block: Plot) -> Picture:
    wide, narrow = (_drawn(block, width) for width in (_WIDE, _NARROW))
    legend: tuple[tuple[str, str], ...] = ()
    if isinstance(block, TimePlot) and len(block.series) > 1:
        legend = tuple((colour(place), series.name) for place, series in enumerate(block.series))
    if isinstance(block, StripPlot):
        legend = LEGEND
    return Picture(name, block.title, block.about, block.note, wide, narrow, plot_table(block), legend)


def _drawn(block: Plot, width: int) -> Drawing:
    match block:
        case TimePlot():
            return time_plot(block, width)
        case IntervalPlot():
            return interval_plot(block, width)
        case SpanPlot():
            return span_plot(block, width)
        case StripPlot():
            return strip_plot(block, width)
