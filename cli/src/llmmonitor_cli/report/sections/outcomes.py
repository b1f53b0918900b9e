"""Outcomes: what people made of answers over the period, in words and in deeds.

By the hour as far as hours are kept, else by the day. Intervals are between these stretches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from llmmonitor_api.report.live_outcomes import NEGATIVE, NEUTRAL, POSITIVE
from llmmonitor_cli.report import spelling, statistics, timeline
from llmmonitor_cli.report.document import (
    Block,
    Figures,
    Interval,
    IntervalPlot,
    Line,
    Note,
    Section,
    TimePlot,
    Tone,
    Unit,
)
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.statistics import Estimated
from llmmonitor_cli.report.tables import table
from llmmonitor_cli.report.verdicts import tone_of, verdicts
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.outcomes import FEEDBACK, REGENERATED, REPHRASED, STOPPED
from llmmonitor_operator.outcomes_kept import GIVEN, NAMES, TIERS, WITHDRAWN, OutcomesKept
from llmmonitor_operator.settings import OutcomeSettings

_Row = Mapping[str, int]
_REPLACED = "feedback that took the place of earlier"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """One over the period."""

    name: str
    part: str
    whole: str
    of: str
    """What the whole is, for people."""
    limit: float | None = None
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of the period."""

    cells: dict[int, _Row]
    seconds: int
    """Of a cell."""

    def sum(self, name: str) -> int:
        return sum(one.get(name, 0) for one in self.cells.values())

    def share(self, one: _Outcome) -> Estimated | None:
        parts = [(row.get(one.part, 0), row.get(one.whole, 0)) for row in self.cells.values()]
        return statistics.share([(float(min(part, whole)), float(whole)) for part, whole in parts])


def section(material: Material, period: Period) -> Section:
    """By what the checkpoint holds of them."""
    found = tuple(one for one in verdicts(material, "QualityHealthy") if one.reason in _OF_OUTCOMES)
    settings = material.settings.quality.outcomes if material.settings is not None else None
    kept = _kept(material.state.outcomes, period, material.state.newest_at or period.end)
    blocks: list[Block] = []
    if settings is None:
        summary = (
            "What people make of answers is not counted: spec.quality.outcomes is not set."
            if material.settings is not None
            else "Whether outcomes are counted is not known: no readable spec."
        )
    elif not kept.sum("requests") and not kept.sum("rated"):
        summary = "No outcome within the period is known of."
    else:
        outcomes = _outcomes(settings)
        summary = _summary(kept, outcomes)
        blocks = _blocks(kept, outcomes, period)
    return Section(
        id="outcomes",
        title="Outcomes of live traffic",
        summary=summary,
        tone=tone_of(found) if found else _tone(kept, settings),
        verdicts=found,
        blocks=tuple(blocks),
    )


_OF_OUTCOMES = {"OutcomesHold", "OutcomesPoor", "FewOutcomes"}
"""Reasons of QualityHealthy that are about outcomes alone."""


def _outcomes(settings: OutcomeSettings) -> tuple[_Outcome, ...]:
    return (
        _Outcome(FEEDBACK, POSITIVE, "feedback", "feedback given", settings.min_positive, at_least=True),
        _Outcome(REGENERATED, "regenerated", "compared", "requests compared", settings.max_regenerated),
        _Outcome(REPHRASED, "rephrased", "followed", "requests that go on", settings.max_rephrased),
        _Outcome(STOPPED, "stopped", "begun", "streamed answers begun", settings.max_stopped),
    )


def _kept(outcomes: OutcomesKept, period: Period, newest: float) -> _Kept:
    hours, days = TIERS
    place = 0 if newest - period.begin <= hours.reach_seconds else 1
    seconds = (hours, days)[place].cell_seconds
    cells = timeline.within(outcomes.cells[place], period, seconds)
    return _Kept({at: _row(cell) for at, cell in cells.items()}, seconds)


def _row(cell: tuple[int, ...]) -> _Row:
    """By name, with the feedback of it that stands."""
    row = dict(zip(NAMES, cell, strict=False))
    said = {
        verdict: max(0, row.get(GIVEN + verdict, 0) - row.get(WITHDRAWN + verdict, 0))
        for verdict in (POSITIVE, NEUTRAL, NEGATIVE)
    }
    withdrawn = sum(row.get(WITHDRAWN + verdict, 0) for verdict in said)
    return {**row, **said, "feedback": sum(said.values()), _REPLACED: withdrawn}


def _missed(kept: _Kept, one: _Outcome) -> bool | None:
    """Whether the whole interval lies beyond the limit; None: not judged."""
    share = kept.share(one)
    if one.limit is None or share is None or share.low is None or share.high is None:
        return None
    return share.high < one.limit if one.at_least else share.low > one.limit


def _tone(kept: _Kept, settings: OutcomeSettings | None) -> Tone:
    """Of the period, where no condition speaks of outcomes alone."""
    found = [_missed(kept, one) for one in _outcomes(settings)] if settings is not None else []
    if True in found:
        return Tone.BAD
    return Tone.GOOD if False in found else Tone.UNKNOWN


def _summary(kept: _Kept, outcomes: tuple[_Outcome, ...]) -> str:
    beyond = [one.name for one in outcomes if _missed(kept, one)]
    words = f"Over the period {', '.join(beyond)} lay beyond the limit. " if beyond else ""
    said = [
        f"{one.name} {wording.share(share.value)} of {spelling.count(share.n)}"
        for one in outcomes
        if (share := kept.share(one)) is not None
    ]
    text = "; ".join(said)
    return f"{words}{text[:1].upper()}{text[1:]}." if said else f"{words}Nothing can be told of a share."


def _blocks(kept: _Kept, outcomes: tuple[_Outcome, ...], period: Period) -> list[Block]:
    blocks: list[Block] = [_figures(kept), _table(kept, outcomes)]
    shares = {one: share for one in outcomes if (share := kept.share(one)) is not None}
    if shares:
        blocks.append(_intervals(kept, shares))
    blocks += [plot for some in (outcomes[:1], outcomes[1:]) if (plot := _plot(kept, some, period)).series]
    if kept.seconds > timeline.HOUR:
        blocks.append(
            Note(
                text="The period is longer than outcomes are kept by the hour (3 d): whole days (UTC) count."
            )
        )
    blocks.append(
        Note(
            text="Who gives feedback chooses to: its share is of those alone, and says how it moves better"
            " than how good the model is. Rephrased finds those who repeat their words, not all who ask again"
            " (docs/outcomes.md)."
        )
    )
    return blocks


def _figures(kept: _Kept) -> Figures:
    rated = kept.share(_Outcome("", "rated", "identified", ""))
    compared = kept.share(_Outcome("", "compared", "requests", ""))
    replaced = kept.sum(_REPLACED)
    words = f"{replaced:,} more were replaced by later ones" if replaced else ""
    return Figures(
        figures=(
            spelling.figure("Positive feedback", kept.sum(POSITIVE), Unit.COUNT, window=words),
            spelling.figure("Neutral feedback", kept.sum(NEUTRAL), Unit.COUNT),
            spelling.figure("Negative feedback", kept.sum(NEGATIVE), Unit.COUNT),
            spelling.estimated("Answers that were rated", rated, Unit.SHARE),
            spelling.estimated("Requests compared", compared, Unit.SHARE, "known whether they ask again"),
        )
    )


def _table(kept: _Kept, outcomes: tuple[_Outcome, ...]) -> Block:
    verdict = {True: ("beyond it", Tone.BAD), False: ("within it", Tone.GOOD)}
    rows = []
    for one in outcomes:
        missed = _missed(kept, one)
        words = "" if one.limit is None else f"{'at least' if one.at_least else 'at most'} "
        rows.append(
            (
                one.name,
                f"{kept.sum(one.part):,}",
                f"{kept.sum(one.whole):,} {one.of}",
                spelling.share(kept.share(one)),
                f"{words}{wording.share(one.limit)}" if one.limit is not None else "none",
                verdict[missed]
                if missed is not None
                else ("not judged", Tone.PLAIN if one.limit is None else Tone.UNKNOWN),
            )
        )
    return table(
        "Outcomes over the period",
        "Outcome | #Seen | #Of | #Share | Limit | The period lies",
        rows,
        note="Shares with 95 % intervals between hours or days; fewer than"
        f" {statistics.FEWEST_STRETCHES} of these give none. Beyond it: the whole interval is. The condition"
        " judges its own window, which may say something else.",
    )


def _intervals(kept: _Kept, shares: dict[_Outcome, Estimated]) -> Block:
    def tone(one: _Outcome) -> Tone:
        return {True: Tone.BAD, False: Tone.GOOD, None: Tone.PLAIN}[_missed(kept, one)]

    return IntervalPlot(
        title="Outcomes beside their limits",
        about="For each outcome its share over the period with the 95 % interval, and its limit.",
        unit=Unit.SHARE,
        rows=tuple(
            Interval(
                name=one.name,
                value=share.value,
                low=share.low,
                high=share.high,
                n=round(share.n),
                limit=one.limit,
                tone=tone(one),
            )
            for one, share in shares.items()
        ),
        note="The upright mark is the limit: of positive feedback the least, of the others the most.",
    )


def _plot(kept: _Kept, outcomes: tuple[_Outcome, ...], period: Period) -> TimePlot:
    step, cut = timeline.step_of(period, kept.seconds), timeline.whole(period, kept.seconds)
    every = [
        timeline.line(one.name, kept.cells, cut, step, partial(_share_of, one=one), seconds=kept.seconds)
        for one in outcomes
    ]
    lines = [
        Line(
            value=one.limit,
            label=f"{one.name}: {'at least' if one.at_least else 'at most'} {wording.share(one.limit)}",
        )
        for one in outcomes
        if one.limit is not None and len(outcomes) == 1
    ]
    name = "Positive feedback over time" if len(outcomes) == 1 else "What people did over time"
    return TimePlot(
        title=name,
        about=f"{name}: shares with the interval of each stretch.",
        unit=Unit.SHARE,
        begin=cut.begin,
        end=cut.end,
        series=tuple(one for one in every if one.points),
        lines=tuple(lines),
        note="The bands are Wilson's 95 % intervals as if people decided independently.",
    )


def _share_of(some: list[_Row], one: _Outcome) -> Estimated | None:
    whole = sum(row.get(one.whole, 0) for row in some)
    return statistics.share_alone(min(whole, sum(row.get(one.part, 0) for row in some)), whole)
