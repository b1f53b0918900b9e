"""PerformanceHealthy: objectives hold, nothing is stalled, no figure is anomalous.

A stalled replica is False at once, whatever the number of requests. An objective is judged when it has events
enough (`burn_rate.events_needed`) that are not older than `holdFor`; those that are not are named.
"""

from __future__ import annotations

from llmmonitor_api.conditions import reasons_performance as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_api.conditions import table
from llmmonitor_api.report.report import Live
from llmmonitor_operator.evaluate import anomalies, request_outcomes, saturation, wording
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict, nothing_to_judge_by
from llmmonitor_operator.evaluate.objectives import (
    ObjectiveStanding,
    firing_message,
    holding_message,
    too_few_message,
)


def judge(inputs: Inputs) -> Verdict:
    """By the objectives' events and by what is in flight."""
    nothing = nothing_to_judge_by(inputs)
    if nothing:
        return nothing
    stalled = _stalled(inputs)
    if stalled:
        return Verdict(reasons.STALLED, "; ".join(stalled))
    hold_for = inputs.settings.hold_for_seconds
    recent = [one for one in inputs.objectives if one.is_recent(inputs.now, hold_for)]
    if not recent:
        return _no_traffic(inputs)
    evidence_at = _evidence_at(inputs, recent)
    wrong = _burning(inputs, recent, evidence_at) or anomalies.found(inputs, evidence_at)
    if wrong:
        return wrong
    judged = [one for one in recent if one.judged]
    waiting = [one for one in inputs.objectives if one not in judged]
    if not judged:
        return Verdict(shared.TOO_FEW_REQUESTS, "; ".join(_too_few(inputs, waiting)), evidence_at)
    messages = [*saturation.evidence(inputs), *(holding_message(one, inputs.state) for one in judged)]
    messages += filter(None, [_goodput(inputs)])
    not_judged = [*_too_few(inputs, waiting), *filter(None, [anomalies.not_judged(inputs)])]
    if not_judged:
        messages.append(f"not judged: {', '.join(not_judged)}")
    return Verdict(reasons.OBJECTIVES_HOLD, "; ".join(messages), evidence_at)


def _burning(inputs: Inputs, recent: list[ObjectiveStanding], evidence_at: float) -> Verdict | None:
    firing = [(one, one.firing) for one in recent if one.firing is not None]
    if not firing:
        return None
    messages = saturation.evidence(inputs)
    messages += [firing_message(one, burn, inputs.state) for one, burn in firing]
    messages.append(_goodput(inputs))
    return Verdict(reasons.BURN_RATE_HIGH, "; ".join(filter(None, messages)), evidence_at)


def _goodput(inputs: Inputs) -> str:
    return request_outcomes.goodput(inputs.state, inputs.window(request_outcomes.GOODPUT_SECONDS))


def stalls(live: Live, limit_seconds: float) -> bool:
    """Whether requests are in flight at one replica and nothing came of any for so long."""
    silence = live.seconds_without_progress
    return live.in_flight > 0 and silence is not None and silence >= limit_seconds


def _stalled(inputs: Inputs) -> list[str]:
    limit = inputs.settings.stall_after_seconds
    found = []
    for name, source in inputs.fresh:
        live = source.live
        if stalls(live, limit):
            silence = live.seconds_without_progress or 0.0
            found.append(
                f"{name}: {wording.counted(live.in_flight, 'request')} in flight and no sign of progress for"
                f" {wording.duration(silence)} (limit {wording.duration(limit)}), the oldest waits for"
                f" {wording.duration(live.oldest_in_flight_seconds)}"
            )
    return found


def _evidence_at(inputs: Inputs, recent: list[ObjectiveStanding]) -> float:
    newest = max(one.last_event_at or 0.0 for one in recent)
    held = inputs.held.get(table.PERFORMANCE_HEALTHY.name)
    if held is not None and held.reason == reasons.STALLED.name:
        return min(newest, inputs.state.progress_at or 0.0)  # clients that gave up are no sign of life
    return newest


def _no_traffic(inputs: Inputs) -> Verdict:
    last = max((one.last_event_at or 0.0 for one in inputs.objectives), default=0.0)
    if not last:
        return _no_event_yet(inputs)
    return Verdict(shared.NO_TRAFFIC, f"no request for {wording.duration(inputs.now - last)}")


def _no_event_yet(inputs: Inputs) -> Verdict:
    ended = inputs.window(inputs.settings.hold_for_seconds).ended
    if not ended:
        return Verdict(shared.NO_TRAFFIC, "no request has been seen yet")
    requests = wording.counted(ended, "request")
    text = f"{requests}, none that an objective counts (clients' own errors do not)"
    filtered = _too_few(inputs, [one for one in inputs.objectives if one.objective.filtered])
    return Verdict(shared.TOO_FEW_REQUESTS, "; ".join([text, *filtered]))


def _too_few(inputs: Inputs, objectives: list[ObjectiveStanding]) -> list[str]:
    return [too_few_message(one, inputs.state) for one in objectives]
