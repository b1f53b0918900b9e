"""Anomalies, in words: for PerformanceHealthy.

The detectors raise and end alarms when five minutes close (`anomalies/`); here they are only read. An alarm
whose signal had no reading for `holdFor` says nothing any more. Before there is history enough, that is said
beside the verdict and never turns it.
"""

from __future__ import annotations

import math

from llmmonitor_api.conditions import reasons_performance as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_operator.anomalies.cell import CELL_SECONDS
from llmmonitor_operator.anomalies.detector import Track
from llmmonitor_operator.anomalies.signals import SIGNALS
from llmmonitor_operator.anomalies.watch import DAYS_NEEDED, MOST_ALARMS_A_MONTH
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict

_UNUSUAL_TRAFFIC = math.log(1.5)
"""From here on, more or less, it is told beside an anomaly; natural logarithm."""
_LEAST_RATE = 0.001
"""Alarms in 30 days: weeks of history say nothing of what is rarer."""


def found(inputs: Inputs, evidence_at: float) -> Verdict | None:
    """`Anomaly` with every signal that has an alarm; None without one."""
    tracks = inputs.state.anomalies.tracks
    alarms = [
        (name, tracks[name])
        for name in (signal.name for signal in SIGNALS)
        if name in tracks and tracks[name].alarm_since is not None
    ]
    hold_for = inputs.settings.hold_for_seconds
    texts = [_text(name, track) for name, track in alarms if inputs.now - _end(track) <= hold_for]
    if not texts:
        return None
    limit = f"the limit of a family of signals is {MOST_ALARMS_A_MONTH:g} in 30 d"
    return Verdict(reasons.ANOMALY, f"anomaly: {'; '.join(texts)}; {limit}", evidence_at)


def not_judged(inputs: Inputs) -> str:
    """What is not watched yet, and why; empty when all is, or when no history is kept."""
    watch = inputs.state.anomalies
    if not watch.at:
        return ""
    reason, days = shared.BASELINE_INCOMPLETE.name, wording.counted(watch.days, "day")
    if watch.days < DAYS_NEEDED:
        return f"anomalies ({reason}: {days} known, {DAYS_NEEDED} needed)"
    missing = [signal.name for signal in SIGNALS if signal.name not in watch.models]
    if not missing:
        return ""
    why = f"too seldom with requests enough within {days}" if watch.models else "not learnt from yet"
    return f"anomalies of {', '.join(missing)} ({reason}: {why})"


def _text(name: str, track: Track) -> str:
    """`TTFT 2.1 times the usual since 2026-01-02T03:05:00Z (n≈1,240; by chance 0.02 times in 30 d)`."""
    factor = wording.number(track.factor)
    since = wording.moment((track.alarm_since or 0) * CELL_SECONDS)
    n = wording.count(round(track.requests))
    chance = wording.number(max(_LEAST_RATE, track.alarms_a_month))
    unusual = abs(math.log(track.traffic_factor)) >= _UNUSUAL_TRAFFIC
    traffic = f"; requests {wording.number(track.traffic_factor)} times the usual" if unusual else ""
    return f"{name} {factor} times the usual since {since} (n≈{n}{traffic}; by chance {chance} times in 30 d)"


def _end(track: Track) -> float:
    return float((track.at + 1) * CELL_SECONDS)
