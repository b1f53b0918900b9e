"""Injected: every matching pod has the current sidecar, as the caller's look at the pods says."""

from __future__ import annotations

from llmmonitor_api.conditions import Status, table
from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict, without_pods


def judge(inputs: Inputs) -> Verdict:
    """The worst pod's reason stands for all; every pod is named with its own."""
    environment = inputs.environment
    if not environment.cluster:
        return Verdict(shared.NOT_APPLICABLE, "without a cluster the sidecar is started beside the model")
    left_out = [f"{pod.name}: {pod.reason}" for pod in environment.left_out]
    if nothing := without_pods(inputs):
        if left_out:
            workers = all(pod.reason == reasons.WORKER.name for pod in environment.left_out)
            reason = reasons.WORKER if workers else reasons.OPTED_OUT
            return Verdict(reason, f"not meant to be monitored: {wording.listed(left_out)}")
        return nothing
    missing = [pod.expected for pod in inputs.pods if pod.expected.injection]
    pods = wording.counted(len(inputs.pods), "pod")
    summary = f"{len(inputs.pods) - len(missing)} of {pods} with the current sidecar"
    attached = sum(pod.expected.attached for pod in inputs.pods)
    if attached:
        summary = f"{summary} ({attached} attached)"
    restart = environment.restart
    early = sum(pod.predates for pod in missing)
    counts = [f"{early} came before the monitor"] if early else []
    if restart is not None:
        counts.append(f"{restart.done} of {restart.planned} replaced: {restart.message}")
    texts = [f"{pod.name}: {pod.injection} ({pod.injection_message})" for pod in missing]
    message = "; ".join([summary, *counts, *([wording.listed(texts)] if texts else [])])
    if left_out:
        message = f"{message}; left out: {wording.listed(left_out)}"
    if restart is not None and restart.stopped:
        return Verdict(reasons.RESTART_STOPPED, message)
    if not missing:
        return Verdict(reasons.ALL_INJECTED, message)
    found = [table.INJECTED.reason(pod.injection) for pod in missing]
    return Verdict(next((one for one in found if one.status is Status.FALSE), found[0]), message)
