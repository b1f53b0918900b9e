"""`llm-monitor report`: gathers, builds, writes; what it says on the terminal is one line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from llmmonitor_cli.report.build import document
from llmmonitor_cli.report.document import Document
from llmmonitor_cli.report.gathering.cluster import from_cluster
from llmmonitor_cli.report.gathering.files import from_files
from llmmonitor_cli.report.gathering.found import NoReport
from llmmonitor_cli.report.page.as_html import as_html
from llmmonitor_cli.report.page.as_json import as_json
from llmmonitor_cli.report.page.as_markdown import as_markdown
from llmmonitor_cli.report.period import Period, period_of


class Format(StrEnum):
    """What a report is written as."""

    HTML = "html"
    JSON = "json"
    MARKDOWN = "markdown"


def format_of(text: str) -> Format:
    """The format of that name.

    Raises:
        ValueError: there is none.
    """
    try:
        return Format(text)
    except ValueError:
        raise ValueError(f"--format {text}: there are {', '.join(Format)}") from None


_WRITERS = {Format.HTML: as_html, Format.JSON: as_json, Format.MARKDOWN: as_markdown}
_ENDINGS = {".html": Format.HTML, ".htm": Format.HTML, ".json": Format.JSON, ".md": Format.MARKDOWN}
STDOUT = "-"
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""By a terminal that shows the report, and what turns a line's direction on a page."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    name: str
    since: str | None = None
    """As `period_of` takes it, and the next two."""
    until: str | None = None
    days: int | None = None
    namespace: str | None = None
    context: str | None = None
    operator_namespace: str = ""
    from_checkpoint: Path | None = None
    output: str = ""
    """A file; `-` is the terminal; empty: a file named after the monitor and the period."""
    format: Format | None = None
    """By the ending of the file if None, else HTML."""


async def run(options: Options, now: datetime) -> str:
    """Write the report; gives what to print: where it is and what it says, or the report itself.

    Raises:
        NoReport: there is nothing to make one of, or it cannot be written.
        UnusablePeriod: the options are no period.
    """
    end = now
    if options.from_checkpoint is not None:
        material = from_files(options.from_checkpoint, options.name, options.namespace)
        if material.as_of is not None:  # what was saved says nothing of the time since
            end = datetime.fromtimestamp(material.as_of, UTC)
    else:
        material = await from_cluster(
            options.name, options.namespace, options.context, options.operator_namespace
        )
    period = period_of(options.since, options.until, options.days, end)
    try:
        made = document(material, period, now.timestamp())
    except OverflowError as error:
        raise NoReport(
            f"LLMMonitor {material.namespace}/{material.name}: what is kept of it holds a number that nothing"
            f" can be ({error}); a checkpoint or history was damaged or edited"
        ) from error
    chosen = options.format or _ENDINGS.get(Path(options.output).suffix, Format.HTML)
    text = harmless(_WRITERS[chosen](made))
    if options.output == STDOUT:
        return text
    path = Path(options.output or _name_of(made, period, chosen))
    _write(path, text)
    return f"{_said(made)} {path}\n"


def harmless(text: str) -> str:
    """The same, with strangers' control characters spelled as JSON spells them."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NoReport(f"{path}: {error.strerror}; give another file with -o") from error


def _said(made: Document) -> str:
    subject = made.subject
    gaps = len(made.summary.gaps)
    lacks = f" ({gaps} {'gap is' if gaps == 1 else 'gaps are'} said in it)" if gaps else ""
    return f"llmmonitor {subject.namespace}/{subject.name}: {made.summary.headline}{lacks}; the report:"


def _name_of(made: Document, period: Period, chosen: Format) -> str:
    ending = next(ending for ending, one in _ENDINGS.items() if one is chosen)
    day = datetime.fromtimestamp(period.end, UTC).strftime("%Y-%m-%d")
    return f"{made.subject.namespace}-{made.subject.name}-{day}{ending}"
