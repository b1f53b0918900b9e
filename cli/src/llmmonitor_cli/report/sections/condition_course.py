"""How conditions stood over the period: strips, how long each held, and every change with its reason."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from llmmonitor_api.conditions import Status
from llmmonitor_api.conditions.table import CONDITION_TYPES
from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import Block, Moment, Note, Span, Strip, StripPlot, Tone
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.tables import table
from llmmonitor_operator.condition_history import STEPS_LIMIT, Step
from llmmonitor_operator.evaluate import wording

_CHANGES_SHOWN = 60
_FINE = 1_000_000
"""Parts of the time that are told apart: a minute of a year is two."""
_TONES = {Status.TRUE: Tone.GOOD, Status.FALSE: Tone.BAD, Status.UNKNOWN: Tone.UNKNOWN}
_ORDER = {kind.name: place for place, kind in enumerate(CONDITION_TYPES)}


def course(material: Material, period: Period) -> list[Block]:
    """What is kept of it; a sentence where nothing is."""
    end = min(period.end, material.as_of or period.end)
    strips = [strip for kind in _kinds(material) if (strip := _strip(kind, material, period, end)).spans]
    if not strips:
        return [Note(text="How conditions changed within the period is not known.", tone=Tone.UNKNOWN)]
    return [
        StripPlot(
            title="How conditions stood",
            about="For each condition, from when until when it was True, False or Unknown.",
            begin=period.begin,
            end=period.end,
            strips=tuple(strips),
            moments=_moments(material, period),
            note="Where a strip is empty, it is not known: from before this was kept. Between two changes"
            " nothing changed as far as the operator looked; while it does not run, nobody does.",
        ),
        _held(strips, material),
        *_changes(material, period),
    ]


def _kinds(material: Material) -> list[str]:
    known = material.state.condition_history.steps
    return sorted(known, key=lambda kind: (_ORDER.get(kind, len(_ORDER)), kind))


def _moments(material: Material, period: Period) -> tuple[Moment, ...]:
    at = material.state.versions.changed_at
    return (Moment(at=at, label="model changed"),) if at is not None and period.holds(at) else ()


def _strip(kind: str, material: Material, period: Period, end: float) -> Strip:
    steps = material.state.condition_history.steps[kind]
    ends = [*(float(one.at) for one in steps[1:]), end]
    return Strip(
        name=kind,
        spans=tuple(
            Span(
                name=one.status.value,
                begin=max(period.begin, float(one.at)),
                end=min(end, until),
                label=one.reason,
                tone=_TONES[one.status],
            )
            for one, until in zip(steps, ends, strict=True)
            if max(period.begin, one.at) < min(end, until)
        ),
    )


def _held(strips: list[Strip], material: Material) -> Block:
    dropped = material.state.condition_history.dropped
    rows = []
    for strip in strips:
        known = sum(one.end - one.begin for one in strip.spans)
        of = {
            status: [one.end - one.begin for one in strip.spans if one.name == status.value]
            for status in Status
        }
        longest = max(of[Status.FALSE], default=0.0)
        rows.append(
            (
                strip.name,
                wording.duration(known),
                *(_share(sum(of[status]), known) for status in Status),
                str(len(strip.spans) - 1),
                wording.duration(longest) if longest else "never False",
            )
        )
    lost = {kind: many for kind, many in dropped.items() if many}
    words = ""
    if lost:
        names = ", ".join(f"{many:,} of {kind}" for kind, many in sorted(lost.items()))
        words = f" Older changes than the newest {STEPS_LIMIT} of a condition went for want of room: {names}."
    return table(
        "How long each condition held",
        "Condition | #Known for | #True | #False | #Unknown | #Changes | #Longest False",
        rows,
        note=f"Shares are of the time of the period that is known.{words}",
    )


def _share(part: float, known: float) -> str:
    """As elsewhere, but never `100 %` of what is less."""
    text = wording.share(part / known)
    if part >= known or text != wording.share(1.0):
        return text
    return f"{math.floor(_FINE * part / known) / (_FINE / 100):.10g} %"


def _changes(material: Material, period: Period) -> Iterator[Block]:
    found = [
        (after, kind, before)
        for kind in _kinds(material)
        for before, after in pairwise(material.state.condition_history.steps[kind])
        if period.holds(after.at)
    ]
    found.sort(key=lambda one: -one[0].at)
    if not found:
        yield Note(text="No condition changed within the period, as far as it is known.")
        return
    more = len(found) - _CHANGES_SHOWN
    yield table(
        f"Changes, the newest {_CHANGES_SHOWN}" if more > 0 else "Changes",
        "When | Condition | Went | Reason | What it said",
        [_change(*one) for one in found[:_CHANGES_SHOWN]],
        note=f"{more:,} older ones stand with the numbers of the strips." if more > 0 else "",
    )


def _change(after: Step, kind: str, before: Step) -> tuple[str | tuple[str, Tone], ...]:
    went = f"{before.status.value} → {after.status.value}"
    return spelling.moment(after.at), kind, (went, _TONES[after.status]), after.reason, after.words
