"""The pods' GPUs: what is wrong with them, how many are measured, and their figures for the status.

Only a pod's own GPUs are judged. Where its sidecar sees more than it requests and the model's processes on
none, nobody can tell which they are: that is said by GPUVisible, and another pod's errors fail nobody.
GPU memory is shown and not judged: engines reserve most of it at their start by design.
"""

from __future__ import annotations

from collections.abc import Iterator

from llmmonitor_api.conditions import Reason
from llmmonitor_api.conditions import reasons_performance as reasons
from llmmonitor_api.report import gpus as api
from llmmonitor_api.report.gpus import GPU, GPUs
from llmmonitor_api.status import GPUStatus
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.state import Source

WINDOW_SECONDS = 3600.0
"""In which an error counts."""
SILENT_LIMIT_SECONDS = 60.0
"""After which a driver that does not answer is an error; calls take seconds at worst while a GPU is woken."""
SLOWDOWN_LIMIT = 0.25
"""Share of the last minute's samples: a moment's heat is no failure."""
_SLOWDOWN_SAMPLES = 30
_MILD = frozenset({api.POWER_CAP})
INEXACT_LIMIT = 0.05
"""Share of tokens that are only lower bounds, from which on energy per token would be overstated."""


def own(inputs: Inputs, source: Source) -> tuple[GPU, ...]:
    """The pod's GPUs; in a cluster not those that count as its own only because they are seen."""
    found = source.gpus
    if found is None or (inputs.environment.cluster and found.told_by == api.BY_SIGHT):
        return ()
    return tuple(one for one in found.devices if one.ours)


def sources(inputs: Inputs) -> str:
    """Who measures the pods' GPUs, in words; empty where nobody does."""
    found = {source.gpus.source for _, source in inputs.fresh if source.gpus is not None}
    return " and ".join(sorted(found - {""}, reverse=True))


def measured(gpus: tuple[GPU, ...]) -> int:
    """How many of what can be requested have figures: GPUs, or the instances of partitioned ones."""
    return sum(map(_measured, gpus))


def _measured(gpu: GPU) -> int:
    if gpu.lost:
        return 0
    if gpu.partitioned:
        return sum(one.ours and one.memory_total_bytes is not None for one in gpu.instances)
    return int(gpu.memory_total_bytes is not None)


def errors(inputs: Inputs) -> Iterator[tuple[Reason, str]]:
    """What is wrong with the GPUs of each pod that may be judged by."""
    for name, source in inputs.fresh:
        gpus = own(inputs, source)
        if source.gpus is None or not gpus:
            continue
        silent = source.gpus.silent_seconds or 0.0
        if silent >= SILENT_LIMIT_SECONDS:
            limit = wording.duration(SILENT_LIMIT_SECONDS)
            text = f"the GPUs' driver has not answered for {wording.duration(silent)} (limit {limit})"
            yield reasons.GPU_ERRORS, f"{name}: {text}"
        age = inputs.now - source.at + source.gpus.sampled_age_seconds
        for gpu in gpus:
            for text in errors_of(gpu, age):
                yield reasons.GPU_ERRORS, f"{name}: {_name(gpu)}: {text}"


def errors_of(gpu: GPU, age: float) -> Iterator[str]:
    """What is wrong with one, in words; `age` of what is known of it in seconds."""
    window = wording.duration(WINDOW_SECONDS)
    if gpu.lost:
        yield gpu.problem
    for xid in gpu.xids:
        if xid.kind != api.APPLICATION and xid.age_seconds + age <= WINDOW_SECONDS:
            ago = wording.duration(xid.age_seconds + age)
            yield f"XID {xid.number} {ago} ago (window {window}, {wording.counted(xid.count, 'time')} in all)"
    grew = gpu.ecc_uncorrected_age_seconds
    if grew is not None and grew + age <= WINDOW_SECONDS:
        count = wording.counted(gpu.ecc_uncorrected or 0, "uncorrectable ECC error")
        yield f"{count}, the last {wording.duration(grew + age)} ago (window {window})"
    if gpu.repair_failed:
        yield "a row of its memory could not be remapped: it has to be replaced"
    for why, share in (gpu.slowdowns or {}).items():
        if why not in _MILD and share > SLOWDOWN_LIMIT and gpu.slowdown_samples >= _SLOWDOWN_SAMPLES:
            held = f"{why} in {wording.share(share)} of the last minute > {wording.share(SLOWDOWN_LIMIT)}"
            at = "" if gpu.temperature_celsius is None else f", {wording.number(gpu.temperature_celsius)} °C"
            yield f"{held} (n={gpu.slowdown_samples}{at})"


def _name(gpu: GPU) -> str:
    return f"GPU {gpu.index} ({gpu.uuid})"


def status(inputs: Inputs) -> GPUStatus | None:
    """All of them together; None where none is requested and none is seen."""
    gpus = [gpu for _, source in inputs.fresh if _answers(source.gpus) for gpu in own(inputs, source)]
    requested = sum(pod.expected.gpus_requested for pod in inputs.pods)
    if not requested and not gpus:
        return None
    used = [share for gpu in gpus for share in _utilisations(gpu)]
    watts = [gpu.power_watts for gpu in gpus if gpu.power_watts is not None and not gpu.partitioned]
    parts = [_memory(gpu) for gpu in gpus]
    hardware = [xid.count for gpu in gpus for xid in gpu.xids if xid.kind != api.APPLICATION]
    return GPUStatus(
        requested=requested,
        visible=measured(tuple(gpus)),
        source=sources(inputs),
        lost=sum(gpu.lost for gpu in gpus),
        utilisation=sum(used) / len(used) if used else None,
        memory_used_bytes=sum(used for used, _ in parts) if any(parts) else None,
        memory_total_bytes=sum(total for _, total in parts) if any(parts) else None,
        power_watts=sum(watts) if watts else None,
        errors=sum(hardware) if any(gpu.xids_seen for gpu in gpus) else None,
    )


def _answers(gpus: GPUs | None) -> bool:
    return gpus is not None and gpus.visible


def _utilisations(gpu: GPU) -> list[float]:
    """Of what is the pod's: one, or those of its instances where they are known."""
    if gpu.partitioned:
        return [one.utilisation for one in gpu.instances if one.ours and one.utilisation is not None]
    return [] if gpu.utilisation is None else [gpu.utilisation]


def _memory(gpu: GPU) -> tuple[int, int]:
    """Bytes used and there of what is the pod's."""
    if gpu.partitioned:
        mine = [one for one in gpu.instances if one.ours]
        return (
            sum(one.memory_used_bytes or 0 for one in mine),
            sum(one.memory_total_bytes or 0 for one in mine),
        )
    return gpu.memory_used_bytes or 0, gpu.memory_total_bytes or 0


def joules_per_token(figures: Figures) -> float | None:
    """Energy per completion token; None without either, or where too many tokens are only lower bounds."""
    tokens, inexact = figures.gpu_energy_tokens, figures.completion_tokens_counted
    if not tokens or inexact > INEXACT_LIMIT * (inexact + figures.completion_tokens_exact):
        return None
    return figures.gpu_energy_millijoules * 1e-3 / tokens
