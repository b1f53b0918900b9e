"""Drift: the last window of every feature against what chance explains, and what the baseline rests on."""

from __future__ import annotations

from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import Block, Figures, Interval, IntervalPlot, Note, Section, Tone, Unit
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.tables import table
from llmmonitor_cli.report.verdicts import tone_of, verdicts
from llmmonitor_operator.drift.watch import Track, Watch
from llmmonitor_operator.evaluate import wording


def section(material: Material, period: Period) -> Section:
    """The watch as it stood at the last checkpoint."""
    found = verdicts(material, "DriftFree")
    watch = material.state.drift
    blocks: list[Block] = []
    if not watch.tracks:
        summary = "No window of requests has been compared with a baseline yet."
    else:
        at = spelling.moment(watch.window_at)
        over = [name for name, track in watch.tracks.items() if track.alarm_since is not None]
        summary = (
            f"Drifted: {', '.join(over)}; by the window that ended at {at}."
            if over
            else f"None of {wording.counted(len(watch.tracks), 'feature')} drifted, by the window that"
            " ended at"
            f" {at}."
        )
        if not watch.judging:
            summary = (
                f"Provisional: the baseline is being learnt. Scores are of the window that ended at {at}."
            )
        blocks = [*_plots(watch), _table(watch)]
        if not period.holds(watch.window_at):
            blocks.append(Note(text="That window is not within the period.", tone=Tone.UNKNOWN))
    blocks.append(_baseline(material))
    blocks.append(
        Note(text="Of windows before the last only what is still in alarm is kept, not their scores.")
    )
    return Section(
        id="drift",
        title="Drift of requests and answers",
        summary=summary,
        tone=tone_of(found) if found else Tone.UNKNOWN,
        verdicts=found,
        blocks=tuple(blocks),
    )


def _plots(watch: Watch) -> list[Block]:
    rows = tuple(
        Interval(
            name=name,
            value=track.score.psi,
            n=track.score.n,
            limit=track.score.threshold,
            tone=_tone(track, watch),
        )
        for name, track in watch.tracks.items()
    )
    return [
        IntervalPlot(
            title="Distance from the baseline",
            about="The population stability index of each feature beside the threshold that chance passes at"
            " most once in 90 days.",
            unit=Unit.NUMBER,
            rows=rows,
            limit_label="threshold",
            note="Population stability index (PSI) of the last window. An alarm takes two windows in a row"
            " above the threshold, which is fitted to this monitor's own past.",
        )
    ]


def _tone(track: Track, watch: Watch) -> Tone:
    if not watch.judging or track.score.threshold is None:
        return Tone.UNKNOWN
    return Tone.BAD if track.alarm_since is not None else Tone.GOOD


def _table(watch: Watch) -> Block:
    return table(
        "Features",
        "Feature | Verdict | #PSI | #Threshold | #n | #Baseline n | #Overdispersion | #Found 8 times in 10"
        " from",
        [
            (
                name,
                (_verdict(track, watch), _tone(track, watch)),
                wording.number(track.score.psi),
                spelling.NOT_KNOWN
                if track.score.threshold is None
                else wording.number(track.score.threshold),
                f"{track.score.n:,}",
                f"≈ {spelling.count(track.score.baseline)}",
                wording.number(track.score.overdispersion) if track.score.overdispersion else "",
                wording.number(track.score.found_from) if track.score.found_from else "",
            )
            for name, track in watch.tracks.items()
        ],
        note="Overdispersion: how much more the score varies than independent requests would make it. The"
        " last"
        " column is the power: a true change of that size is found by one window 8 times in 10.",
    )


def _verdict(track: Track, watch: Watch) -> str:
    if not watch.judging or track.score.threshold is None:
        return "provisional"
    if track.alarm_since is not None:
        return f"drift since {spelling.moment(track.alarm_since)}"
    return "above once" if track.over else "no drift"


def _baseline(material: Material) -> Block:
    watch, baseline = material.state.drift, material.baseline
    if baseline is None:
        return Note(
            text="The baseline itself could not be read; see what this page rests on.", tone=Tone.UNKNOWN
        )
    if not baseline.taken_in:
        return Note(text="The baseline has no window yet.", tone=Tone.UNKNOWN)
    accepted = f"accepted {baseline.accepted}" if baseline.accepted else ""
    begin, end = spelling.day(baseline.begun_at), spelling.day(baseline.ended_at)
    return Figures(
        figures=(
            spelling.figure(
                "Baseline spans, days",
                round(baseline.seconds / 86_400, 1),
                Unit.NUMBER,
                window=f"{begin} to {end}",
            ),
            spelling.figure("Its windows", baseline.taken_in, Unit.COUNT, window="one an hour at most"),
            spelling.figure("Its requests", baseline.requests, Unit.COUNT, window=accepted),
            spelling.figure("Requests waiting for a window", watch.open.requests, Unit.COUNT),
        )
    )
