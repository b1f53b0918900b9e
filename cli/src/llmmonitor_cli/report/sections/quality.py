"""Quality: what probes found, round by round, and suites with their intervals."""

from __future__ import annotations

from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import (
    Block,
    Figures,
    Interval,
    IntervalPlot,
    Line,
    Section,
    Tone,
    Unit,
)
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.tables import table
from llmmonitor_cli.report.verdicts import tone_of, verdicts
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.probes import ProbesStanding, SuiteStanding, change_of, probes_standing
from llmmonitor_operator.quality_kept import Outcome, Round
from llmmonitor_operator.settings import QualitySettings


def section(material: Material, period: Period) -> Section:
    """By the rounds that the checkpoint holds."""
    found = verdicts(material, "QualityHealthy")
    settings = material.settings.quality if material.settings is not None else QualitySettings()
    standing = probes_standing(settings, material.state.quality)
    tone = tone_of(found) if found else Tone.UNKNOWN
    blocks: list[Block] = []
    if settings.plan is None:
        summary = "Nothing is asked of the model: spec.quality has no probes and no suites."
    elif standing.round is None:
        others = sum(one.complete and one.plan != settings.digest for one in material.state.quality.rounds)
        summary = "No round of the probes in force is complete yet."
        if others:
            summary += f" Kept of other probes: {wording.counted(others, 'round')}."
    else:
        summary = _summary(standing)
        if not period.holds(standing.round.ended):
            summary += " It is not of the period."
        blocks = _round(standing, settings, material)
    blocks += _judge(material)
    return Section(
        id="quality", title="Quality", summary=summary, tone=tone, verdicts=found, blocks=tuple(blocks)
    )


def _summary(standing: ProbesStanding) -> str:
    newest = standing.round
    assert newest is not None  # noqa: S101 - the caller's own case
    failed = sum(one.judged > 0 and not one.passes for one in newest.results.values())
    words = (
        f"In the newest round ({spelling.moment(newest.ended)}) {failed} of {standing.answers} answered items"
        " failed."
    )
    if standing.change is not None:
        words += f" Against the version before, {standing.change.words}."
    return words


def _round(standing: ProbesStanding, settings: QualitySettings, material: Material) -> list[Block]:
    blocks: list[Block] = []
    if standing.suites:
        blocks.append(
            IntervalPlot(
                title="Suites in the newest round",
                about="The share of each suite's answered items that pass, with its 95 % interval, beside the"
                " least that the spec asks for.",
                unit=Unit.SHARE,
                rows=tuple(_interval(one, settings.min_passed) for one in standing.suites),
                lines=(
                    Line(value=settings.min_passed, label=f"asked for {wording.share(settings.min_passed)}"),
                ),
                note="Wilson's 95 % interval over the items that were answered; repeats of one question"
                " are no"
                " sample. A suite fails where even the upper end is below what is asked for.",
            )
        )
    if standing.own or standing.untrusted:
        blocks.append(
            table(
                "Own probes in the newest round",
                "Probe | Verdict | #Passed | #Failed | #Unanswered | What was broken",
                [
                    (
                        name,
                        _verdict(one, judged=name in standing.own),
                        str(one.passed),
                        str(one.failed),
                        str(one.unanswered),
                        one.broken,
                    )
                    for name, one in sorted({**standing.own, **standing.untrusted}.items())
                ],
            )
        )
    kept = [one for one in material.state.quality.rounds if one.plan == settings.digest]
    rows = [_row(one, standing.baseline) for one in reversed(kept)]
    if standing.baseline is not None:
        rows.append(
            (f"{spelling.moment(standing.baseline.ended)} (held against)", *_row(standing.baseline, None)[1:])
        )
    blocks.append(
        table(
            "Rounds",
            "Ended | Version | #Items | #Passed | #Failed | #No answer | Against the version before",
            rows,
            note="The newest four rounds are kept, and the last of the version before. Items are paired with"
            " themselves, by the exact sign test.",
        )
    )
    return blocks


def _verdict(one: Outcome, *, judged: bool) -> tuple[str, Tone]:
    if not one.judged:
        return "no answer", Tone.UNKNOWN
    if not judged:
        return "not judged: its judge is not trusted", Tone.UNKNOWN
    return ("passes", Tone.GOOD) if one.passes else ("fails", Tone.BAD)


def _interval(one: SuiteStanding, least: float) -> Interval:
    low, high = one.interval
    tone = Tone.UNKNOWN if not one.judged else (Tone.BAD if one.fails(least) else Tone.GOOD)
    return Interval(
        name=one.name,
        value=one.passed / one.judged if one.judged else 0.0,
        low=low,
        high=high,
        n=one.judged,
        tone=tone,
    )


def _row(one: Round, baseline: Round | None) -> tuple[str, ...]:
    passed = sum(item.judged > 0 and item.passes for item in one.results.values())
    judged = sum(item.judged > 0 for item in one.results.values())
    ended = spelling.moment(one.ended) if one.complete else "under way"
    change = change_of(baseline, one).words if baseline is not None and one.complete else ""
    return (
        ended,
        one.version or spelling.NOT_KNOWN,
        str(one.items),
        str(passed),
        str(judged - passed),
        str(len(one.results) - judged),
        change,
    )


def _judge(material: Material) -> list[Block]:
    one = material.status.quality.judge_agreement if material.status.quality is not None else None
    if one is None:
        return []
    found = spelling.figure(
        "The judge agrees with people in", one.value, Unit.SHARE, low=one.low, high=one.high, n=one.count
    )
    return [Figures(figures=(found,))]
