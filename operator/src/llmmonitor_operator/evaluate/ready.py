"""Ready: the monitor itself works. Names what it cannot judge by design, such as burn rates out of reach."""

from __future__ import annotations

from llmmonitor_api.conditions import Status, table
from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs, PodStanding, Verdict


def judge(inputs: Inputs) -> Verdict:
    """By the spec's validity and by which pods report."""
    environment = inputs.environment
    if environment.invalid_spec:
        return Verdict(reasons.INVALID_SPEC, environment.invalid_spec)
    if environment.conflict:
        return Verdict(reasons.CONFLICTED, environment.conflict)
    if environment.cluster and not inputs.pods:
        words = ["no running pod matches the selector", environment.contradiction, *_dropped(inputs)]
        return Verdict(reasons.NOTHING_TO_MONITOR, "; ".join(filter(None, words)))
    undecided = [pod for pod in inputs.pods if _status(pod) is Status.UNKNOWN]
    failing = [pod for pod in inputs.pods if pod not in undecided and not (pod.fresh or pod.waited_for)]
    failing += [pod for pod in inputs.pods if _status(pod) is Status.FALSE and pod not in failing]
    fresh = len(inputs.fresh)
    summary = f"{fresh} of {wording.counted(len(inputs.pods), 'pod')} monitored"
    if failing:
        names = wording.listed([pod.name for pod in failing])
        return Verdict(reasons.PARTLY_MONITORED, f"{summary}; not: {names} (see Injected and Reporting)")
    if not fresh:
        return Verdict(shared.NO_REPORTS, "waiting for the first report")
    return Verdict(reasons.MONITORING, "; ".join([summary, *_dropped(inputs)]))


def _status(pod: PodStanding) -> Status:
    """Of its injection alone."""
    injection = pod.expected.injection
    return table.INJECTED.reason(injection).status if injection else Status.TRUE


def _dropped(inputs: Inputs) -> list[str]:
    """The pairs of windows that no outage could make fire."""
    texts = []
    for one in inputs.objectives:
        if one.unreachable:
            factors = " and ".join(wording.number(float(pair.factor)) for pair in one.unreachable)
            target = wording.share(float(one.objective.target))
            texts.append(
                f"objective {one.objective.name}: a burn rate of {factors} cannot be reached with a target of"
                f" {target} and is not judged"
            )
    return texts
