"""The document as Markdown (GitHub's): texts and tables; of a plot the table of its points.

Names that strangers chose may look like markup: every character that Markdown or HTML reads is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import (
    Block,
    Cell,
    Document,
    Figure,
    Figures,
    IntervalPlot,
    Note,
    Section,
    SpanPlot,
    StripPlot,
    Table,
    TimePlot,
    Tone,
    Verdict,
)
from llmmonitor_cli.report.page.rows import plot_table

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")
_SYMBOLS = {Tone.GOOD: "✓", Tone.BAD: "✗", Tone.UNKNOWN: "?", Tone.PLAIN: ""}


def as_markdown(document: Document) -> str:
    """All of it."""
    return "\n".join(_lines(document)).rstrip() + "\n"


def escaped(text: str) -> str:
    """`text` as one line that says just that."""
    line = " ".join(text.split())
    return _SPECIAL.sub(r"\\\1", line)


def _lines(document: Document) -> Iterator[str]:
    subject, period, summary = document.subject, document.period, document.summary
    yield f"# {escaped(f'{subject.namespace}/{subject.name}')}: {summary.headline}"
    yield ""
    yield f"{spelling.moment(period.begin)} to {spelling.moment(period.end)}. {escaped(summary.text)}"
    since = spelling.moment(summary.since) if summary.since is not None else spelling.NOT_KNOWN
    as_of = spelling.moment(summary.as_of) if summary.as_of is not None else spelling.NOT_KNOWN
    yield ""
    yield f"{summary.headline} since {since}; conditions are as of {as_of}."
    yield ""
    yield from _figures(summary.figures)
    if summary.failing or summary.not_judged:
        yield from _verdicts((*summary.failing, *summary.not_judged))
    if summary.gaps:
        yield "**What of the period is not covered**"
        yield ""
        yield from (f"- {escaped(one)}" for one in summary.gaps)
        yield ""
    for section in document.sections:
        yield from _section(section)
    yield "---"
    yield f"Made by {escaped(document.made_by)} at {spelling.moment(document.made_at)} for LLMMonitor"
    title = escaped(f"{subject.namespace}/{subject.name}")
    yield f"{title}, UID {escaped(subject.uid or spelling.NOT_KNOWN)}."


def _section(section: Section) -> Iterator[str]:
    symbol = _SYMBOLS[section.tone]
    yield f"## {escaped(section.title)}{f' {symbol}' if symbol else ''}"
    yield ""
    yield escaped(section.summary)
    yield ""
    if section.verdicts:
        yield from _verdicts(section.verdicts)
    for block in section.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Figures():
            yield from _figures(block.figures)
        case Note():
            yield escaped(block.text)
            yield ""
        case Table():
            yield from _table(block)
        case TimePlot() | IntervalPlot() | SpanPlot() | StripPlot():
            yield from _table(plot_table(block))


def _figures(figures: Iterable[Figure]) -> Iterator[str]:
    found = [f"- {escaped(one.label)}: **{escaped(one.text)}**{_detail(one)}" for one in figures]
    if found:
        yield from found
        yield ""


def _detail(one: Figure) -> str:
    return f" ({escaped(one.detail)})" if one.detail else ""


def _verdicts(found: Iterable[Verdict]) -> Iterator[str]:
    for one in found:
        since = f" since {spelling.moment(one.since)}" if one.since is not None else ""
        name = f"**{escaped(one.condition)}** {one.status} ({escaped(one.reason)}){since}"
        yield f"- {_SYMBOLS[one.tone]} {name}: {escaped(one.message)}"
    yield ""


def _table(table: Table) -> Iterator[str]:
    yield f"**{escaped(table.title)}**"
    yield ""
    yield _row(escaped(column.name) for column in table.columns)
    yield _row("---:" if column.is_number else "---" for column in table.columns)
    yield from (_row(map(_cell, row)) for row in table.rows)
    yield ""
    if table.note:
        yield escaped(table.note)
        yield ""


def _cell(cell: Cell) -> str:
    symbol = _SYMBOLS[cell.tone]
    return escaped(cell.text) + (f" {symbol}" if symbol else "")


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
