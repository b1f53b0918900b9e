"""Injected: every matching pod has the current sidecar, as the caller's look at the pods says."""

from __future__ import annotations

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_api.conditions import table
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict


def judge(inputs: Inputs) -> Verdict:
    """The first pod's reason stands for all; every pod is named with its own."""
    if not inputs.environment.cluster:
        return Verdict(shared.NOT_APPLICABLE, "without a cluster the sidecar is started beside the model")
    if not inputs.pods:
        return Verdict(shared.NO_MATCHING_PODS, "the selector matches no running pod")
    missing = [pod.expected for pod in inputs.pods if pod.expected.injection]
    pods = wording.counted(len(inputs.pods), "pod")
    summary = f"{len(inputs.pods) - len(missing)} of {pods} with the current sidecar"
    if not missing:
        return Verdict(reasons.ALL_INJECTED, summary)
    texts = [f"{pod.name}: {pod.injection} ({pod.injection_message})" for pod in missing]
    return Verdict(table.INJECTED.reason(missing[0].injection), f"{summary}; {wording.listed(texts)}")
