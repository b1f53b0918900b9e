"""Over how many GPUs a monitor's tokens are shared out: throughput for each GPU, where that can be told.

By what pods request: the pods whose tokens are counted. It cannot be told while one of them requests none,
since its tokens are among the others', nor where a model is spread over worker pods, whose GPUs stand in no
pod that reports.
"""

from __future__ import annotations

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_operator.evaluate.inputs import Inputs


def gpus_at_work(inputs: Inputs) -> int | None:
    """GPUs that the reporting pods request; None where they are not those that the tokens come from."""
    requested = [pod.expected.gpus_requested for pod in inputs.pods if pod.fresh]
    spread = any(pod.reason == reasons.WORKER.name for pod in inputs.environment.left_out)
    return sum(requested) if requested and all(requested) and not spread else None
