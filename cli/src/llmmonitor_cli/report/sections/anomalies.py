"""Anomalies: what is unusual for this monitor by its own past, and what the detectors can tell at all."""

from __future__ import annotations

import math

from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import Block, Note, Section, Tone
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.tables import table
from llmmonitor_operator.anomalies.cell import CELL_SECONDS
from llmmonitor_operator.anomalies.detector import Track
from llmmonitor_operator.anomalies.signals import SIGNALS, Signal
from llmmonitor_operator.anomalies.watch import DAYS_NEEDED, MOST_ALARMS_A_MONTH, Watch
from llmmonitor_operator.evaluate import wording

_LEAST_RATE = 0.001
"""Alarms in 30 days; weeks say nothing of what is rarer."""


def section(material: Material, _period: Period) -> Section:
    """The watch as it stood at the last checkpoint."""
    watch = material.state.anomalies
    if not watch.models:
        known = wording.counted(watch.days, "whole day") if watch.days else "no whole day"
        return Section(
            id="anomalies",
            title="Anomalies",
            summary=f"Not judged: {known} of history is known and {DAYS_NEEDED} are needed.",
            tone=Tone.UNKNOWN,
        )
    alarms = [name for name, on in watch.alarms.items() if on]
    summary = (
        f"Unusual now: {', '.join(alarms)}."
        if alarms
        else f"No alarm now, by {wording.counted(watch.days, 'day')} of this monitor's own past."
    )
    blocks: list[Block] = [
        table(
            "Signals",
            "Signal | Now | Since | #Compared with its usual | #Requests since | #By chance in 30 d",
            [_row(signal, watch) for signal in SIGNALS],
            note="Five-minute figures after the hour of day, the load and lengths are taken into account,"
            " by a"
            f" one-sided CUSUM; chance raises at most {MOST_ALARMS_A_MONTH:g} alarm in 30 days in each family"
            " (latency, errors, throughput). Compared with its usual: in an alarm the mean since the"
            " change began,"
            " else the last five minutes, which alone are no alarm.",
        ),
        Note(text="Alarms that ended are not kept; what they were of shows in the plots of performance."),
    ]
    return Section(
        id="anomalies",
        title="Anomalies",
        summary=summary,
        tone=Tone.BAD if alarms else Tone.GOOD,
        blocks=tuple(blocks),
    )


def _row(signal: Signal, watch: Watch) -> tuple[str | tuple[str, Tone], ...]:
    track = watch.tracks.get(signal.name)
    model = watch.models.get(signal.name)
    if model is None:
        return signal.name, ("not judged: too seldom with enough requests", Tone.UNKNOWN), "", "", "", ""
    if track is None or track.alarm_since is None:
        return signal.name, ("no alarm", Tone.GOOD), "", _now(track), "", ""
    since = spelling.moment(track.alarm_since * CELL_SECONDS)
    chance = wording.number(max(_LEAST_RATE, track.alarms_a_month))
    return (
        signal.name,
        ("alarm", Tone.BAD),
        since,
        f"{wording.number(track.factor)} times",
        f"≈ {spelling.count(track.requests)}",
        chance,
    )


def _now(track: Track | None) -> str:
    return "" if track is None else f"{wording.number(math.exp(track.deviation))} times"
