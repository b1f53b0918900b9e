"""The numbers of a plot as a table: beside it for who cannot see it, and in Markdown instead of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import (
    Cell,
    Interval,
    IntervalPlot,
    Plot,
    Point,
    Span,
    SpanPlot,
    StripPlot,
    Table,
    TimePlot,
    Tone,
)
from llmmonitor_cli.report.tables import table


def plot_table(plot: Plot) -> Table:
    """A row for each point, with its interval and sample size."""
    match plot:
        case TimePlot():
            return _of_time(plot)
        case IntervalPlot():
            return _of_intervals(plot)
        case SpanPlot():
            return _of_spans(plot)
        case StripPlot():
            return _of_strips(plot)


def _of_time(plot: TimePlot) -> Table:
    spelled = partial(spelling.spelled, unit=plot.unit, currency=plot.currency)
    several = len(plot.series) > 1
    rows = [
        (*([series.name] if several else []), *_point(point, spelled))
        for series in plot.series
        for point in series.points
    ]
    with_interval = any(point.low is not None for series in plot.series for point in series.points)
    with_size = any(point.n is not None for series in plot.series for point in series.points)
    columns = ["What"] * several + ["From", "#Value", "#95 % interval", "#n"]
    found = table(plot.title, " | ".join(columns), rows, note=plot.note)
    return _without(found, *([] if with_interval else ["95 % interval"]), *([] if with_size else ["n"]))


def _point(point: Point, spelled: Callable[[float], str]) -> tuple[str, ...]:
    ends = "" if point.low is None or point.high is None else f"{spelled(point.low)} to {spelled(point.high)}"
    return (
        spelling.moment(point.begin),
        spelled(point.value),
        ends,
        "" if point.n is None else spelling.count(point.n),
    )


def _of_intervals(plot: IntervalPlot) -> Table:
    spelled = partial(spelling.spelled, unit=plot.unit)
    found = table(
        plot.title,
        f"What | #Value | #95 % interval | #{plot.limit_label.capitalize()} | #n",
        [_interval(one, spelled) for one in plot.rows],
        note=plot.note,
    )
    missing = []
    if all(one.low is None and one.high is None for one in plot.rows):
        missing.append("95 % interval")
    if all(one.limit is None for one in plot.rows):
        missing.append(plot.limit_label.capitalize())
    return _without(found, *missing)


def _interval(one: Interval, spelled: Callable[[float], str]) -> tuple[str | tuple[str, Tone], ...]:
    ends = ""
    if one.high is not None:
        ends = (
            f"below {spelled(one.high)}" if one.low is None else f"{spelled(one.low)} to {spelled(one.high)}"
        )
    return (
        (one.name, one.tone),
        spelled(one.value),
        ends,
        "" if one.limit is None else spelled(one.limit),
        "" if one.n is None else spelling.count(one.n),
    )


def _of_spans(plot: SpanPlot) -> Table:
    return table(
        plot.title, "What | From | Until | How much", [_span(one) for one in plot.spans], note=plot.note
    )


def _span(one: Span) -> tuple[str, ...]:
    return one.name, spelling.moment(one.begin), spelling.moment(one.end), one.label


def _of_strips(plot: StripPlot) -> Table:
    rows = [
        (
            strip.name,
            spelling.moment(one.begin),
            spelling.moment(one.end),
            (one.name, one.tone),
            one.label,
        )
        for strip in plot.strips
        for one in strip.spans
    ]
    return table(plot.title, "What | From | Until | How it stood | Why", rows, note=plot.note)


def _without(found: Table, *names: str) -> Table:
    """Without columns that nothing is in."""
    kept = [place for place, column in enumerate(found.columns) if column.name not in names]
    return Table(
        title=found.title,
        columns=tuple(found.columns[place] for place in kept),
        rows=tuple(_picked(row, kept) for row in found.rows),
        note=found.note,
    )


def _picked(row: tuple[Cell, ...], kept: list[int]) -> tuple[Cell, ...]:
    return tuple(row[place] for place in kept)
