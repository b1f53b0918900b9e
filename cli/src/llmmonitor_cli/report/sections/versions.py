"""Versions: which ran when, how they compare, and what a change of the model was told by."""

from __future__ import annotations

from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import (
    Block,
    Interval,
    IntervalPlot,
    Line,
    Moment,
    Note,
    Section,
    Span,
    SpanPlot,
    Tone,
    Unit,
)
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.tables import table
from llmmonitor_cli.report.verdicts import tone_of, verdicts
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.versions.comparison import Comparison, Finding, bounds, findings
from llmmonitor_operator.versions.history import History, Version

_PARTS_SHOWN = 4
_PART_LENGTH = 48
_WORDS = {Finding.OPEN: "not decided", Finding.ALIKE: "no difference"}
_TONES = {
    Finding.WORSE: Tone.BAD,
    Finding.BETTER: Tone.GOOD,
    Finding.ALIKE: Tone.GOOD,
    Finding.NOT_WORSE: Tone.GOOD,
}


def section(material: Material, period: Period) -> Section:
    """By the history in the checkpoint."""
    found = verdicts(material, "VersionsComparable")
    history = material.state.versions
    versions = [
        one for one in history.versions if one.last_seen >= period.begin and one.first_seen < period.end
    ]
    if not versions:
        summary = "No version is known to have run within the period."
    else:
        running = sorted({*history.running.values()})
        summary = f"{wording.counted(len(versions), 'version')} ran within the period; running now: " + (
            f"{', '.join(running)}." if running else "none is known."
        )
        if history.changed_at is not None and period.holds(history.changed_at):
            summary += f" The model changed last at {spelling.moment(history.changed_at)}."
    blocks: list[Block] = []
    if versions:
        blocks = [_spans(versions, history, period), _table(versions, history)]
    if history.comparison is not None and history.comparison.evidence:
        blocks.append(_compared(material, history.comparison))
    elif len(versions) > 1:
        blocks.append(
            Note(
                text="No comparison of clients side by side is known: what the verdict above says of two"
                " versions rests on different times, which may be the cause of a difference."
            )
        )
    return Section(
        id="versions",
        title="Versions of the model",
        summary=summary,
        tone=tone_of(found) if found else Tone.UNKNOWN,
        verdicts=found,
        blocks=tuple(blocks),
    )


def _spans(versions: list[Version], history: History, period: Period) -> Block:
    running = {*history.running.values()}
    changed = history.changed_at
    return SpanPlot(
        title="When each version ran",
        about="From when each version was first seen until it was last seen.",
        begin=period.begin,
        end=period.end,
        spans=tuple(
            Span(
                name=one.name,
                begin=max(period.begin, one.first_seen),
                end=min(period.end, one.last_seen),
                label=f"{spelling.count(one.requests)} requests in all",
                tone=Tone.GOOD if one.name in running else Tone.PLAIN,
            )
            for one in versions
        ),
        moments=(Moment(at=changed, label="model changed"),)
        if changed is not None and period.holds(changed)
        else (),
        note="From first to last seen; in between a version may have paused. At most ten versions are"
        " remembered.",
    )


def _table(versions: list[Version], history: History) -> Block:
    pods = {one.name: sum(name == one.name for name in history.running.values()) for one in versions}
    return table(
        "Versions",
        "Version | First seen | Last seen | #Pods now | #Requests in all | Known by",
        [
            (
                one.name,
                spelling.moment(one.first_seen),
                spelling.moment(one.last_seen),
                str(pods[one.name]),
                f"{one.requests:,}",
                _parts(one),
            )
            for one in reversed(versions)
        ],
        note="Requests are of the version's whole life, not of the period alone.",
    )


def _parts(one: Version) -> str:
    shown = [f"{name} {text}" for name, text in one.parts.items() if len(text) <= _PART_LENGTH]
    more = len(one.parts) - len(shown[:_PARTS_SHOWN])
    return ", ".join([*shown[:_PARTS_SHOWN], *([f"and {more} more"] if more else [])])


def _compared(material: Material, comparison: Comparison) -> Block:
    settings = material.settings
    names = {one.key: one.name for one in settings.objectives} if settings is not None else {}
    margin = settings.versions.margin if settings is not None else None
    rows = []
    for place, found in enumerate(findings(comparison)):
        if found is None:
            continue
        evidence, low, high = bounds(comparison, place)
        key = comparison.measures[place]
        rows.append(
            Interval(
                name=f"{names.get(key, key)}: {_WORDS.get(found, found.value)}",
                value=evidence.mean,
                low=low,
                high=high,
                n=evidence.n,
                tone=_TONES.get(found, Tone.UNKNOWN),
            )
        )
    ends = () if margin is None else (Line(value=-margin, label="margin"), Line(value=margin, label="margin"))
    return IntervalPlot(
        title=f"{comparison.newer} beside {comparison.older}",
        about="For each objective, how much larger the share of bad events is with the newer version, with an"
        " interval that holds at all times.",
        unit=Unit.SHARE,
        rows=tuple(rows),
        lines=ends,
        centred=True,
        note="Right of 0 the newer version is worse. n are pairs of clients that met both in the same"
        " minutes;"
        " the intervals are confidence sequences, 95 % for all measures together and at all times.",
    )
