"""Reporting: every replica's sidecar reported within three report intervals; the others are named."""

from __future__ import annotations

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs, PodStanding, Verdict, without_pods


def judge(inputs: Inputs) -> Verdict:
    """By the age of each replica's newest report."""
    if nothing := without_pods(inputs):
        return nothing
    if not inputs.pods:
        return Verdict(shared.NO_REPORTS, "no report yet")
    pods = tuple(pod for pod in inputs.pods if pod.expected.has_sidecar)
    if not pods:
        return Verdict(shared.NO_REPORTS, "no sidecar runs in any matching pod: see Injected")
    within = wording.duration(inputs.settings.stale_after_seconds)
    late = [pod for pod in pods if not pod.fresh and not pod.waited_for]
    missing = [pod for pod in late if pod.expected.unreachable or pod.source is None]
    fresh = sum(pod.fresh for pod in pods)
    summary = f"{fresh} of {wording.counted(len(pods), 'sidecar')} reported within {within}"
    if late:
        reason = reasons.UNREACHABLE if missing else reasons.STALE
        return Verdict(reason, f"{summary}; {wording.listed([_why(pod, inputs.now) for pod in late])}")
    if not fresh:
        return Verdict(shared.NO_REPORTS, f"waiting for the first report of {_names(pods)}")
    return Verdict(reasons.ALL_REPORTING, "; ".join([summary, *_remarks(inputs)]))


def _why(pod: PodStanding, now: float) -> str:
    if pod.refused:
        return f"{pod.name}: report refused: {pod.refused}"
    last = (
        f"last report {wording.duration(pod.age_seconds)} old" if pod.age_seconds is not None else "no report"
    )
    if pod.expected.unreachable:
        return f"{pod.name}: {last}: {pod.expected.unreachable}"
    if pod.age_seconds is None:
        return f"{pod.name}: no report for {wording.duration(now - pod.expected.expected_since)}"
    return f"{pod.name}: {last}"


def _remarks(inputs: Inputs) -> list[str]:
    waiting = [pod for pod in inputs.pods if pod.waited_for]
    known = [
        inputs.state.pods[pod.expected.uid] for pod in inputs.pods if pod.expected.uid in inputs.state.pods
    ]
    restarts = sum(pod.restarts for pod in known)
    lost = wording.duration(sum(pod.lost_seconds for pod in known))
    remarks = [f"waiting for the first report of {_names(tuple(waiting))}"] if waiting else []
    if restarts:
        remarks.append(f"{wording.counted(restarts, 'restart')} of a sidecar, {lost} of figures lost")
    return remarks


def _names(pods: tuple[PodStanding, ...]) -> str:
    return wording.listed([pod.name for pod in pods])
