"""Cost: what was spent by the day and on what, what a token cost, and what the budget's period will come to.

Amounts are exact sums of the ledger. It is kept by the day (UTC), so the days count whose middle is in the
period; amounts of different currencies are never added.
"""

from __future__ import annotations

from fractions import Fraction

from llmmonitor_cli.report import spelling, timeline
from llmmonitor_cli.report.document import (
    Block,
    Figure,
    Figures,
    Note,
    Point,
    Section,
    Series,
    TimePlot,
    Tone,
    Unit,
)
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.tables import table
from llmmonitor_cli.report.verdicts import tone_of, verdicts
from llmmonitor_operator.cost.ledger import Ledger, Spent, total
from llmmonitor_operator.cost.price import MS_PER_HOUR, money, money_by_part
from llmmonitor_operator.cost.standing import EXACT_SHARE_NEEDED
from llmmonitor_operator.evaluate import wording

_PARTS = ("busy", "idle", "loading", "probes", "unobserved")
_MEANING = {
    "busy": "while requests were answered",
    "idle": "while none was",
    "loading": "while models loaded",
    "probes": "for probes alone",
    "unobserved": "ready, and nobody told whether they worked",
}
_MILLION = 1_000_000


def section(material: Material, period: Period) -> Section:
    """By the ledger; the forecast is the status'."""
    found = verdicts(material, "WithinBudget")
    days = {currency: _days(material.state.cost, currency, period) for currency in _currencies(material)}
    days = {currency: one for currency, one in days.items() if one}
    tone = tone_of(found) if found else Tone.UNKNOWN
    if not days:
        return Section(
            id="cost",
            title="Cost",
            summary="Nothing was charged within the period: there is no price (spec.cost.hourlyRate), or"
            " none was"
            " in force.",
            tone=tone,
            verdicts=found,
        )
    blocks: list[Block] = []
    sums = []
    for currency, one in days.items():
        spent = total(one.values())
        sums.append(f"{spelling.money(float(money(spent.total)))} {currency}")
        blocks += [_figures(spent, currency), _plot(one, currency, period), _table(spent, currency)]
    blocks += _outlook(material)
    ledger = material.state.cost
    blocks.append(
        Note(
            text="Days are UTC; those count whose middle is within the period, the first and last whole or"
            " not"
            " at all."
            + (
                " The ledger was last read from a checkpoint at"
                f" {spelling.moment(ledger.restored_at / 1000)}."
                if ledger.restored_at
                else ""
            )
        )
    )
    return Section(
        id="cost",
        title="Cost",
        summary=f"Spent over the period: {' and '.join(sums)}.",
        tone=tone,
        verdicts=found,
        blocks=tuple(blocks),
    )


def _currencies(material: Material) -> list[str]:
    return list(dict.fromkeys(line.currency for line in material.state.cost.lines))


def _days(ledger: Ledger, currency: str, period: Period) -> dict[int, Spent]:
    result: dict[int, list[Spent]] = {}
    for line in ledger.of(currency):
        for day, spent in timeline.within(line.days, period, timeline.DAY).items():
            result.setdefault(day, []).append(spent)
    return {day: total(some) for day, some in sorted(result.items())}


def _figures(spent: Spent, currency: str) -> Block:
    priced = spent.exact + spent.counted
    exact = spent.exact / priced if priced else None
    figures = [
        _amount(
            "Spent", Fraction(spent.total), currency, f"{spent.device_ms / MS_PER_HOUR:,.0f} device hours"
        ),
        spelling.figure("Idle share", spent.idle / spent.total if spent.total else None, Unit.SHARE),
    ]
    if exact is not None and exact >= EXACT_SHARE_NEEDED and spent.completion_tokens:
        per_million = Fraction(spent.total * _MILLION, spent.completion_tokens)
        tokens = f"{spelling.count(spent.completion_tokens)} tokens, idle time included"
        figures.append(_amount("Per million completion tokens", per_million, currency, tokens))
    else:
        window = "too few requests with exact token counts"
        figures.append(spelling.figure("Per million completion tokens", None, Unit.MONEY, window=window))
    if spent.answered:
        answered = f"n={spelling.count(spent.answered)} answered, idle time included"
        per_request = Fraction(spent.total, spent.answered)
        figures.append(_amount("Per request", per_request, currency, answered))
    return Figures(figures=tuple(figures))


def _amount(label: str, units: Fraction, currency: str, detail: str) -> Figure:
    amount = money(units)
    return Figure(
        label=label,
        text=f"{spelling.money(float(amount))} {currency}",
        value=str(amount),
        unit=Unit.MONEY,
        detail=detail,
    )


def _plot(days: dict[int, Spent], currency: str, period: Period) -> Block:
    shown, step = timeline.whole(period, timeline.DAY), timeline.step_of(period, timeline.DAY)
    grouped = {at: total(some) for at, some in timeline.grouped(days, step, timeline.DAY).items()}
    every = "day" if step == timeline.DAY else wording.duration(step)
    return TimePlot(
        title=f"Cost by the {every}",
        about=f"What each {every} cost in {currency}, by what it was spent on.",
        unit=Unit.MONEY,
        currency=currency,
        begin=shown.begin,
        end=shown.end,
        series=tuple(
            Series(
                name=name,
                points=tuple(
                    Point(
                        begin=max(shown.begin, float(at * step)),
                        end=min(shown.end, float((at + 1) * step)),
                        value=float(money(getattr(one, name))),
                    )
                    for at, one in grouped.items()
                ),
            )
            for name in _PARTS
            if any(getattr(one, name) for one in grouped.values())
        ),
        stacked=True,
    )


def _table(spent: Spent, currency: str) -> Block:
    return table(
        f"What it was spent on, {currency}",
        "Part | What that is | #Amount | #Share",
        [
            (name, _MEANING[name], f"{amount:,f}", wording.share(units / spent.total) if spent.total else "")
            for name, amount, units in zip(_PARTS, money_by_part(spent.parts), spent.parts, strict=True)
        ],
        note="Exact: whole milliseconds at the rate in force, never rounded while they are added.",
    )


def _spelled(amount: str | None, currency: str = "") -> str:
    return spelling.NOT_KNOWN if amount is None else f"{spelling.money(float(amount))} {currency}".rstrip()


def _outlook(material: Material) -> list[Block]:
    cost = material.status.cost
    if cost is None or cost.period_start is None:
        return []
    figures = [
        Figure(
            label=f"Spent since {spelling.day(cost.period_start.timestamp())}",
            text=_spelled(cost.spent, cost.currency),
            value=cost.spent,
            unit=Unit.MONEY,
            detail=f"budget {_spelled(cost.budget, cost.currency)}"
            if cost.budget is not None
            else "no budget",
        ),
        Figure(
            label="Forecast of that period",
            text=_spelled(cost.forecast, cost.currency),
            value=cost.forecast,
            unit=Unit.MONEY,
            low=float(cost.forecast_low) if cost.forecast_low is not None else None,
            high=float(cost.forecast_high) if cost.forecast_high is not None else None,
            detail=f"80 % interval {_spelled(cost.forecast_low)} to {_spelled(cost.forecast_high)}"
            if cost.forecast is not None
            else "needs 7 full days",
            tone=Tone.PLAIN if cost.forecast is not None else Tone.UNKNOWN,
        ),
    ]
    blocks: list[Block] = [Figures(figures=tuple(figures))]
    if cost.note:
        blocks.append(Note(text=cost.note))
    return blocks
