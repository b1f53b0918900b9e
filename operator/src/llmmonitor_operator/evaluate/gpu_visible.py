"""GPUVisible: whether the GPUs that pods ask for are measured; this version has no sampler, and says so."""

from __future__ import annotations

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict, without_pods


def judge(inputs: Inputs) -> Verdict:
    """By what the pods request."""
    if not inputs.environment.cluster:
        return Verdict(shared.NOT_APPLICABLE, "without a cluster no GPU is requested")
    if nothing := without_pods(inputs):
        return nothing
    requested = sum(pod.expected.gpus_requested for pod in inputs.pods)
    if not requested:
        return Verdict(reasons.NO_GPU_REQUESTED, "no matching pod requests a GPU")
    return Verdict(shared.NOT_VISIBLE, f"{wording.counted(requested, 'GPU')} requested, none visible")
