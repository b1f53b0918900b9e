"""Objectives: good and bad events over the period, and how the error budgets burn now.

Events are exact. They are kept by the hour for ten days and by the day for a hundred; where the period is
longer than the hours reach, whole days are counted, those whose middle is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from llmmonitor_api.quantities import format_percentage
from llmmonitor_cli.report import spelling, statistics, timeline
from llmmonitor_cli.report.document import Block, Line, Note, Point, Section, Series, TimePlot, Tone, Unit
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.statistics import Estimated
from llmmonitor_cli.report.tables import table
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.objective_scope import titled
from llmmonitor_operator.settings import ObjectiveSettings
from llmmonitor_operator.windows import Count

_PLOTS_LIMIT = 6


@dataclass(frozen=True, slots=True)
class _Standing:
    """One objective within the period."""

    objective: ObjectiveSettings
    cells: dict[int, Count]
    seconds: int
    """Of a cell."""
    bad: Estimated | None

    @property
    def total(self) -> Count:
        return Count(
            sum(one.good for one in self.cells.values()), sum(one.bad for one in self.cells.values())
        )

    @property
    def budget_spent(self) -> float | None:
        return None if self.bad is None else self.bad.value / float(self.objective.budget or 1)

    @property
    def tone(self) -> Tone:
        """Accounting, no inference: the events are all there were."""
        if self.bad is None:
            return Tone.UNKNOWN
        return Tone.GOOD if self.bad.value <= float(self.objective.budget) else Tone.BAD


def section(material: Material, period: Period) -> Section:
    """Every objective of the spec."""
    if material.settings is None:
        return Section(
            id="objectives",
            title="Objectives",
            summary="The objectives are not known: no readable spec.",
            tone=Tone.UNKNOWN,
        )
    found = [_standing(one, material, period) for one in material.settings.objectives]
    known = [one for one in found if one.bad is not None]
    over = [one for one in known if one.tone is Tone.BAD]
    summary = "No event of any objective within the period is known of."
    tone = Tone.UNKNOWN
    if known:
        tone = Tone.BAD if over else Tone.GOOD
        names = ", ".join(one.objective.name for one in over)
        summary = (
            f"{len(over)} of {len(known)} objectives missed their target over the period: {names}."
            if over
            else "Over the period"
            f" {'the target was' if len(known) == 1 else f'all {len(known)} targets were'} met."
        )
    return Section(
        id="objectives",
        title="Objectives and error budgets",
        summary=summary,
        tone=tone,
        blocks=tuple(_blocks(found, material, period)),
    )


def _standing(objective: ObjectiveSettings, material: Material, period: Period) -> _Standing:
    cells, seconds = timeline.counted(material.state, objective.key, period)
    bad = statistics.share([(float(one.bad), float(one.total)) for one in cells.values()])
    return _Standing(objective, cells, seconds, bad)


def _blocks(found: list[_Standing], material: Material, period: Period) -> list[Block]:
    status = {one.name: one for one in material.status.objectives}
    rows = []
    for one in found:
        now = status.get(one.objective.name)
        rows.append(
            (
                titled(one.objective),
                _asked(one.objective),
                f"{one.total.good:,} / {one.total.bad:,}",
                spelling.share(one.bad),
                (
                    spelling.NOT_KNOWN if one.budget_spent is None else wording.share(one.budget_spent),
                    one.tone,
                ),
                spelling.NOT_KNOWN
                if now is None or now.burn_rate is None
                else f"{wording.number(now.burn_rate)} (limit {wording.number(now.burn_rate_limit or 0.0)})",
            )
        )
    blocks: list[Block] = [
        table(
            "Each objective over the period",
            "Objective | Asks | #Good / bad events | #Bad share | #Budget spent | #Burn rate now",
            rows,
            note="Budget spent: bad events as a share of those that the target allows of the period's events;"
            " above 100 % the target was missed. Intervals are 95 %, between stretches (hours or days), since"
            " bad events come in clusters.",
        )
    ]
    if any(one.seconds > timeline.HOUR for one in found):
        blocks.append(
            Note(text="The period is longer than events are kept by the hour (10 d): whole days (UTC) count.")
        )
    shown = sorted((one for one in found if one.cells), key=lambda one: -(one.budget_spent or 0.0))
    blocks += [_plot(one, period) for one in shown[:_PLOTS_LIMIT]]
    if len(shown) > _PLOTS_LIMIT:
        blocks.append(
            Note(text=f"Plotted are the {_PLOTS_LIMIT} objectives that spent most; the table has all.")
        )
    return blocks


def _plot(one: _Standing, period: Period) -> TimePlot:
    step, period = timeline.step_of(period, one.seconds), timeline.whole(period, one.seconds)
    points = []
    for at, some in timeline.grouped(one.cells, step, one.seconds).items():
        total = Count(sum(cell.good for cell in some), sum(cell.bad for cell in some))
        if not total.total:
            continue
        low, high = wording.wilson_interval(total.bad, total.total)
        points.append(
            Point(
                begin=max(period.begin, float(at * step)),
                end=min(period.end, float((at + 1) * step)),
                value=total.bad / total.total,
                low=low,
                high=high,
                n=total.total,
            )
        )
    target = one.objective.target
    return TimePlot(
        title=f"Bad events of {one.objective.name}",
        about=f"The share of bad events of the objective {one.objective.name} over time, with what its target"
        " allows.",
        unit=Unit.SHARE,
        begin=period.begin,
        end=period.end,
        series=(Series(name="bad events", points=tuple(points)),),
        lines=(Line(value=float(1 - target), label=f"allowed by {_percentage(one.objective)}"),),
        note="The band is Wilson's 95 % interval as if events were independent; those of one hour are not"
        " quite.",
    )


def _asked(objective: ObjectiveSettings) -> str:
    threshold = f" ≤ {objective.threshold_text}" if objective.threshold_text else ""
    window = wording.duration(objective.window_seconds)
    default = " (default)" if objective.source == "default" else ""
    return f"{objective.signal}{threshold}: {_percentage(objective)} over {window}{default}"


def _percentage(objective: ObjectiveSettings) -> str:
    target = objective.target
    return format_percentage(Decimal(target.numerator) / Decimal(target.denominator))
