"""What a report says, before it has a form: sections made of a few kinds of block.

The same for every form, and what `--format json` writes (`SCHEMA_VERSION`; docs/report.md has its fields). A
figure carries its interval and its sample size; what is not known is None and never 0. Texts may hold names
that strangers chose: forms escape them, nothing here is markup. Times are Unix seconds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec

SCHEMA_VERSION = 1
"""Changes when a reader of the one before would misread it; fields that are only added change nothing."""


class Tone(StrEnum):
    """How a thing stands, for colours and symbols."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    """Not judged, or data do not suffice."""
    PLAIN = "plain"
    """Information: nothing judges it."""


class Unit(StrEnum):
    """What a number counts; `page/numbers.py` says how it is written."""

    SECONDS = "seconds"
    SHARE = "share"
    COUNT = "count"
    PER_SECOND = "per second"
    BYTES = "bytes"
    NUMBER = "number"
    MONEY = "money"
    """In the currency of `Figure.currency` or of the plot's label."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the document; JSON has its fields in camelCase."""


class Figure(_Part, frozen=True, kw_only=True):
    """One number with its name."""

    label: str
    text: str
    """The number for a person, with its unit; `not known` where it is not."""
    value: float | str | None = None
    """The same for a program; text where it must stay exact, as money."""
    unit: Unit = Unit.NUMBER
    low: float | None = None
    """The ends of its 95 % interval."""
    high: float | None = None
    n: int | None = None
    """Sample size."""
    detail: str = ""
    """Interval, sample size and window, in words."""
    tone: Tone = Tone.PLAIN


class Figures(_Part, frozen=True, kw_only=True, tag="figures", tag_field="kind"):
    """Some that belong together."""

    figures: tuple[Figure, ...]


class Note(_Part, frozen=True, kw_only=True, tag="note", tag_field="kind"):
    """A paragraph."""

    text: str
    tone: Tone = Tone.PLAIN


class Cell(_Part, frozen=True, kw_only=True):
    """One of a table."""

    text: str
    tone: Tone = Tone.PLAIN


class Column(_Part, frozen=True, kw_only=True):
    """A table's."""

    name: str
    is_number: bool = False


class Table(_Part, frozen=True, kw_only=True, tag="table", tag_field="kind"):
    """Rows of cells."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    """How it is to be read: method, window."""


class Point(_Part, frozen=True, kw_only=True):
    """A figure of some stretch of time."""

    begin: float
    end: float
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


class Series(_Part, frozen=True, kw_only=True):
    """Points of one thing, in order."""

    name: str
    points: tuple[Point, ...]


class Line(_Part, frozen=True, kw_only=True):
    """A limit that the plot is read by."""

    value: float
    label: str


class Moment(_Part, frozen=True, kw_only=True):
    """Something that happened."""

    at: float
    label: str


class Stretch(_Part, frozen=True, kw_only=True):
    """From when to when."""

    begin: float
    end: float


class TimePlot(_Part, frozen=True, kw_only=True, tag="timePlot", tag_field="kind"):
    """Figures over the period: lines with their intervals, or stacked bars."""

    title: str
    about: str
    """What it shows, for who cannot see it."""
    unit: Unit
    begin: float
    end: float
    series: tuple[Series, ...]
    lines: tuple[Line, ...] = ()
    moments: tuple[Moment, ...] = ()
    gaps: tuple[Stretch, ...] = ()
    """Of which nothing is known, beside those that no point is of."""
    stacked: bool = False
    currency: str = ""
    note: str = ""


class Interval(_Part, frozen=True, kw_only=True):
    """One row of an interval plot."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    limit: float | None = None
    """That it is judged by."""
    tone: Tone = Tone.PLAIN


class IntervalPlot(_Part, frozen=True, kw_only=True, tag="intervalPlot", tag_field="kind"):
    """Figures of several things beside one another, each with its interval and limit."""

    title: str
    about: str
    unit: Unit
    rows: tuple[Interval, ...]
    lines: tuple[Line, ...] = ()
    centred: bool = False
    """Around 0: differences."""
    limit_label: str = "limit"
    note: str = ""


class Span(_Part, frozen=True, kw_only=True):
    """Something that lasted."""

    name: str
    begin: float
    end: float
    label: str = ""
    tone: Tone = Tone.PLAIN


class SpanPlot(_Part, frozen=True, kw_only=True, tag="spanPlot", tag_field="kind"):
    """What lasted from when to when."""

    title: str
    about: str
    begin: float
    end: float
    spans: tuple[Span, ...]
    moments: tuple[Moment, ...] = ()
    note: str = ""


class Strip(_Part, frozen=True, kw_only=True):
    """How one thing stood over the period: spans that follow one another, each named by how."""

    name: str
    spans: tuple[Span, ...]


class StripPlot(_Part, frozen=True, kw_only=True, tag="stripPlot", tag_field="kind"):
    """How several things stood, one under the other; where a strip has no span, it is not known."""

    title: str
    about: str
    begin: float
    end: float
    strips: tuple[Strip, ...]
    moments: tuple[Moment, ...] = ()
    note: str = ""


Plot: TypeAlias = TimePlot | IntervalPlot | SpanPlot | StripPlot
Block: TypeAlias = Figures | Note | Table | Plot


class Verdict(_Part, frozen=True, kw_only=True):
    """A condition as the operator set it last."""

    condition: str
    status: str
    """True, False or Unknown."""
    reason: str
    message: str
    means: str
    """What is so when it is True."""
    since: float | None
    """When its status last changed."""
    gating: bool
    """Whether it turns Healthy."""
    remedy: str = ""

    @property
    def tone(self) -> Tone:
        """By its status."""
        return {"True": Tone.GOOD, "False": Tone.BAD}.get(self.status, Tone.UNKNOWN)


class Section(_Part, frozen=True, kw_only=True):
    """One signal, or what the page rests on."""

    id: str
    title: str
    summary: str
    """One or two sentences: what is so."""
    tone: Tone = Tone.PLAIN
    verdicts: tuple[Verdict, ...] = ()
    blocks: tuple[Block, ...] = ()


class Subject(_Part, frozen=True, kw_only=True):
    """Which monitor, and what it watches."""

    namespace: str
    name: str
    uid: str
    engine: str = ""
    model: str = ""
    pods: str = ""


class Summary(_Part, frozen=True, kw_only=True):
    """What stands on top."""

    tone: Tone
    headline: str
    text: str
    since: float | None
    as_of: float | None
    """When the conditions were last written; they are of then, not of the period."""
    failing: tuple[Verdict, ...]
    not_judged: tuple[Verdict, ...]
    """Those that gate and have no verdict."""
    figures: tuple[Figure, ...]
    gaps: tuple[str, ...]
    """What of the period is not covered."""


class Document(_Part, frozen=True, kw_only=True):
    """The whole report."""

    schema_version: int
    made_at: float
    made_by: str
    subject: Subject
    period: Stretch
    summary: Summary
    sections: tuple[Section, ...]
