"""Interactions: problematic exchanges by their kind, over the period where a limit asks for it, and now."""

from __future__ import annotations

from llmmonitor_api.interactions.kinds import BY_NAME
from llmmonitor_api.interactions.measured import FALSE_ALARMS_HIGH
from llmmonitor_api.status import InteractionStatus
from llmmonitor_cli.report import spelling, statistics, timeline
from llmmonitor_cli.report.document import Block, Note, Point, Section, Series, TimePlot, Tone, Unit
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.tables import table
from llmmonitor_cli.report.verdicts import tone_of, verdicts
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.interaction_counts import flagged_key, verified_key
from llmmonitor_operator.windows import Count

_PLOTS_LIMIT = 4


def section(material: Material, period: Period) -> Section:
    """Kinds with a limit over the period; all that was found in the status' window."""
    found = verdicts(material, "InteractionsSafe")
    kinds = material.state.limited_kinds
    counted = {kind: timeline.counted(material.state, flagged_key(kind), period) for kind in kinds}
    counted = {kind: one for kind, one in counted.items() if one[0]}
    blocks: list[Block] = []
    if counted:
        blocks.append(_over_the_period(material, period, counted))
        blocks += _plots(period, counted)
    if material.status.interactions:
        blocks.append(_now(material))
    flagged = sum(one.bad for cells, _ in counted.values() for one in cells.values())
    if counted:
        most = max(counted, key=lambda kind: sum(one.bad for one in counted[kind][0].values()))
        summary = (
            f"{flagged:,} findings of {len(counted)} kinds with a limit over the period, most of {most}."
            if flagged
            else f"No finding of any of {len(counted)} kinds with a limit over the period."
        )
    else:
        summary = "Nothing is counted over the period: only kinds with a limit (spec.interactions) are."
    blocks.append(
        Note(
            text="A flag is not yet an attack: detectors err, at rates measured on texts they never saw"
            " (docs/interactions.md). What was said is not in this report and is kept nowhere for it."
        )
    )
    return Section(
        id="interactions",
        title="Interactions",
        summary=summary,
        tone=tone_of(found) if found else Tone.UNKNOWN,
        verdicts=found,
        blocks=tuple(blocks),
    )


def _over_the_period(
    material: Material, period: Period, counted: dict[str, tuple[dict[int, Count], int]]
) -> Block:
    rows = []
    for kind, (cells, _) in counted.items():
        bad, total = (sum(getattr(one, name) for one in cells.values()) for name in ("bad", "total"))
        rate = statistics.share([(float(one.bad), float(one.total)) for one in cells.values()])
        verified = sum(
            one.bad for one in timeline.counted(material.state, verified_key(kind), period)[0].values()
        )
        false_alarms = FALSE_ALARMS_HIGH.get(kind)
        rows.append(
            (
                kind,
                BY_NAME[kind].meaning if kind in BY_NAME else "A pattern of the owner's.",
                f"{bad:,}",
                f"{verified:,}",
                f"{total:,}",
                spelling.share(rate),
                "not measured" if false_alarms is None else f"at most {wording.share(false_alarms)}",
            )
        )
    return table(
        "Kinds with a limit, over the period",
        "Kind | What it is | #Flagged | #Verified | #Looked at | #Flagged share | #False alarms of the"
        " detector",
        rows,
        note="The interval of the flagged share is 95 %, between hours or days. False alarms: the upper 95 %"
        " bound on the worst of the benign sets that the detector was measured on.",
    )


def _plots(period: Period, counted: dict[str, tuple[dict[int, Count], int]]) -> list[Block]:
    by_findings = sorted(counted, key=lambda kind: -sum(one.bad for one in counted[kind][0].values()))
    shown = [kind for kind in by_findings if any(one.bad for one in counted[kind][0].values())]
    series = []
    for kind in shown[:_PLOTS_LIMIT]:
        cells, seconds = counted[kind]
        step, cut = timeline.step_of(period, seconds), timeline.whole(period, seconds)
        points = tuple(
            Point(
                begin=max(cut.begin, float(at * step)),
                end=min(cut.end, float((at + 1) * step)),
                value=float(sum(one.bad for one in some)),
                n=sum(one.total for one in some),
            )
            for at, some in timeline.grouped(cells, step, seconds).items()
        )
        series.append(Series(name=kind, points=points))
    if not series:
        return []
    cut = timeline.whole(period, min(seconds for _, seconds in counted.values()))
    return [
        TimePlot(
            title="Findings over time",
            about="Flagged exchanges by kind, stacked.",
            unit=Unit.COUNT,
            begin=cut.begin,
            end=cut.end,
            series=tuple(series),
            stacked=True,
            note="Exact counts of flagged exchanges."
            + (f" Plotted are the {_PLOTS_LIMIT} most frequent kinds." if len(shown) > _PLOTS_LIMIT else ""),
        )
    ]


def _now(material: Material) -> Block:
    settings = material.settings
    window = wording.duration(settings.interactions.window_seconds) if settings is not None else "its window"
    return table(
        f"All kinds, within the last {window}",
        "Kind | Limit | #Found | #Model complied | #Flagged share | #Sampled | Verdict",
        [_row(one) for one in material.status.interactions],
        note="Sampled: the share of exchanges that detectors looked at, by their budget of CPU.",
    )


def _row(one: InteractionStatus) -> tuple[str | tuple[str, Tone], ...]:
    rate = one.flagged_rate
    verdict = {True: ("within limits", Tone.GOOD), False: ("over the limit", Tone.BAD)}
    share = spelling.NOT_KNOWN
    if rate is not None:
        ends = [] if rate.low is None or rate.high is None else [rate.low, rate.high]
        words = " to ".join(wording.number(100 * end, 2) for end in ends)
        share = (
            f"{wording.share(rate.value)} ({words}), n={rate.count:,}" if ends else wording.share(rate.value)
        )
    return (
        one.kind,
        one.limit or "none",
        f"{one.findings:,}",
        "" if one.complied is None else f"{one.complied:,}",
        share,
        "" if one.sampled_share is None else wording.share(one.sampled_share),
        verdict[one.holds]
        if one.holds is not None
        else ("not judged", Tone.UNKNOWN if one.limit else Tone.PLAIN),
    )
