"""GPUVisible: whether every GPU that the pods request is measured, and why not.

A sidecar sees the driver where the node's container runtime puts it into its container, which is not so by
itself: the resource `nvidia.com/gpu` is the model's container's, not the sidecar's. Where it does not see it,
the node's DCGM exporter may measure them in its place, if the chart says where that is.
"""

from __future__ import annotations

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_api.report.gpus import BY_LABELS, BY_NUMBER, BY_PROCESSES, NOT_TOLD, NVML, GPUs
from llmmonitor_operator.evaluate import gpus, wording
from llmmonitor_operator.evaluate.inputs import (
    Inputs,
    PodStanding,
    Verdict,
    nothing_to_judge_by,
    without_pods,
)

_TOLD = {
    BY_PROCESSES: "told from others by the model's processes",
    BY_NUMBER: "as many as are requested",
    BY_LABELS: "told from others by the pods that the exporter names",
}
_WAY_OUT = "they see it by the chart's sidecar.nvidiaDevices=All, on nodes with NVIDIA's container runtime"
_OTHER_WAY_OUT = "a DCGM exporter measures them in its place by the chart's sidecar.dcgmExporter"


def judge(inputs: Inputs) -> Verdict:
    """By what the pods request, and what their newest reports measure."""
    if not inputs.environment.cluster:
        found = sum(gpus.measured(gpus.own(inputs, source)) for _, source in inputs.fresh)
        beside = f"; {wording.counted(found, 'GPU')} measured by NVML" if found else ""
        return Verdict(shared.NOT_APPLICABLE, f"without a cluster no GPU is requested{beside}")
    if nothing := without_pods(inputs):
        return nothing
    requested = sum(pod.expected.gpus_requested for pod in inputs.pods)
    if not requested:
        return _without_request(inputs)
    return nothing_to_judge_by(inputs) or _with_request(inputs, requested)


def _with_request(inputs: Inputs, requested: int) -> Verdict:
    asked = wording.counted(requested, "GPU")
    missing = [(pod, lack) for pod in inputs.pods if (lack := _lack(inputs, pod))]
    if not missing:
        return Verdict(reasons.ALL_GPUS_MEASURED, f"{asked} measured by {_by(inputs)}{_how(inputs)}")
    words = wording.listed([f"{pod.name}: {lack}" for pod, lack in missing])
    hidden = all(pod.source is not None and _is_hidden(pod.source.gpus) for pod, _ in missing)
    if hidden and len(missing) == sum(bool(pod.expected.gpus_requested) for pod in inputs.pods):
        seen = f"{asked} requested, sidecars see no driver"
        if all(_exporter_failed(pod) for pod, _ in missing):
            return Verdict(reasons.NO_EXPORTER, f"{seen}, and no DCGM exporter measures them: {words}")
        return Verdict(reasons.DRIVER_NOT_VISIBLE, f"{seen}: {words}; {_WAY_OUT}; {_OTHER_WAY_OUT}")
    counted = sum(_measured(inputs, pod) for pod in inputs.pods)
    not_asked = all(pod.fresh and pod.source is not None and pod.source.gpus is None for pod, _ in missing)
    reason = shared.NOT_VISIBLE if not_asked else reasons.NOT_ALL_GPUS_MEASURED
    return Verdict(reason, f"{wording.count(counted)} of {asked} measured: {words}")


def _without_request(inputs: Inputs) -> Verdict:
    """GPUs of resource claims are no requests that are seen here; the model's processes on them are."""
    used = [
        gpus.measured(gpus.own(inputs, source))
        for _, source in inputs.fresh
        if source.gpus is not None and source.gpus.told_by == BY_PROCESSES
    ]
    if any(used):
        text = f"{wording.counted(sum(used), 'GPU')} that models use and no pod requests measured by NVML"
        return Verdict(reasons.ALL_GPUS_MEASURED, text)
    return Verdict(reasons.NO_GPU_REQUESTED, "no matching pod requests a GPU")


def _measured(inputs: Inputs, pod: PodStanding) -> int:
    if not pod.fresh or pod.source is None or pod.source.gpus is None or not pod.source.gpus.visible:
        return 0
    return min(pod.expected.gpus_requested, gpus.measured(gpus.own(inputs, pod.source)))


def _lack(inputs: Inputs, pod: PodStanding) -> str:
    """Why not all of the pod's GPUs are measured, in words; empty if they are."""
    requested = pod.expected.gpus_requested
    counted = _measured(inputs, pod)
    if counted >= requested:
        return ""
    if not pod.fresh or pod.source is None:
        return "no fresh report"
    found = pod.source.gpus
    if found is None:
        return "its sidecar has not asked the driver: it has just started, or is of an older version"
    if not found.visible:
        exporter = f"; DCGM exporter: {found.exporter_error}" if found.exporter_error else ""
        return f"{found.reason}{exporter}"
    if found.told_by == NOT_TOLD:
        seen = wording.counted(found.beyond + len(found.devices), "GPU")
        return f"{seen} visible, {requested} requested, and which are its own cannot be told"
    lost = [f"GPU {one.index}" for one in found.devices if one.ours and one.lost]
    why = f": {wording.listed(lost)} lost" if lost else ""
    silent = [one for one in found.devices if one.ours and one.problem and not gpus.measured((one,))]
    if silent and not why:
        why = f": {wording.listed([f'GPU {one.index} ({one.problem})' for one in silent])}"
    return f"{counted} of {requested}{why}"


def _is_hidden(found: GPUs | None) -> bool:
    return found is not None and not found.visible and found.silent_seconds is None


def _exporter_failed(pod: PodStanding) -> bool:
    found = None if pod.source is None else pod.source.gpus
    return found is not None and bool(found.exporter_error)


def _by(inputs: Inputs) -> str:
    """Who measures them; of reports from before it was said, the only one there was."""
    return gpus.sources(inputs) or NVML


def _how(inputs: Inputs) -> str:
    told = {source.gpus.told_by for _, source in inputs.fresh if source.gpus is not None}
    words = [_TOLD[one] for one in sorted(told) if one in _TOLD]
    return f" ({', '.join(words)})" if words else ""
