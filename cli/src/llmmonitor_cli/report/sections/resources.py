"""Resources and GPUs: what the pods used when the status was last written."""

from __future__ import annotations

from llmmonitor_api.status import ResourcesStatus
from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import Block, Figure, Figures, Note, Section, Tone, Unit
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.verdicts import tone_of, verdicts
from llmmonitor_operator.evaluate import wording


def section(material: Material, period: Period) -> Section:
    """Of the status alone: samples are not kept."""
    found = verdicts(material, "ResourcesHealthy", "GPUVisible")
    resources = material.status.resources
    as_of = material.as_of
    at = f"at {spelling.moment(as_of)}" if as_of is not None else "at the last report"
    blocks: list[Block] = []
    if resources is None:
        summary = "What the pods use is not known."
    else:
        summary = f"The newest sample of each pod, {at}."
        blocks = [Figures(figures=(*_figures(resources), _killed(material, period)))]
        if resources.gpu is not None:
            blocks.append(Figures(figures=tuple(_gpus(material, resources))))
    outside = (
        "" if as_of is None or period.begin <= as_of <= period.end + 1 else " They are not of the period."
    )
    blocks.append(
        Note(
            text="Samples of resources are not kept: these figures are of one moment, not of the period."
            + outside
        )
    )
    return Section(
        id="resources",
        title="Resources and GPUs",
        summary=summary,
        tone=tone_of(found) if found else Tone.UNKNOWN,
        verdicts=found,
        blocks=tuple(blocks),
    )


def _figures(one: ResourcesStatus) -> list[Figure]:
    memory = spelling.figure("Memory, fullest pod", one.memory_share, Unit.SHARE)
    if one.memory_share is None:
        memory = spelling.figure("Memory, largest pod", one.memory_used_bytes, Unit.BYTES, window="no limit")
    elif one.memory_used_bytes is not None and one.memory_limit_bytes is not None:
        words = f"{wording.size(one.memory_used_bytes)} of {wording.size(one.memory_limit_bytes)}"
        memory = spelling.figure("Memory, fullest pod", one.memory_share, Unit.SHARE, window=words)
    return [
        memory,
        spelling.figure("CPU cores, all pods", one.cpu_cores, Unit.NUMBER),
        spelling.figure("CPU held back by its limit", one.cpu_throttled_share, Unit.SHARE),
        spelling.figure("KV cache in use", one.kv_cache_share, Unit.SHARE),
        spelling.figure("Requests waiting", one.requests_waiting, Unit.COUNT),
    ]


def _killed(material: Material, period: Period) -> Figure:
    """By the state, which remembers the newest kills, of pods that are gone too."""
    kills = [one for one in material.state.oom_kills if period.holds(one.at)]
    killed = sum(one.kills for one in kills)
    pods = wording.counted(len({one.uid for one in kills}), "pod")
    last = f", the last in {kills[-1].pod} at {spelling.moment(kills[-1].at)}" if kills else ""
    return spelling.figure(
        "Processes killed for memory",
        killed if material.state.pods or kills else None,
        Unit.COUNT,
        window=f"within the period, in {pods}{last}" if kills else "within the period",
        tone=Tone.BAD if killed else Tone.PLAIN,
    )


def _gpus(material: Material, resources: ResourcesStatus) -> list[Figure]:
    gpu, performance = resources.gpu, material.status.performance
    if gpu is None:
        return []
    source = f"by {gpu.source}" if gpu.source else ""
    memory = None
    if gpu.memory_used_bytes is not None and gpu.memory_total_bytes:
        memory = gpu.memory_used_bytes / gpu.memory_total_bytes
    joules = performance.energy_per_token_joules if performance is not None else None
    return [
        spelling.figure(
            "GPUs measured",
            gpu.visible,
            Unit.COUNT,
            window=f"of {gpu.requested} requested {source}".strip(),
        ),
        spelling.figure("GPUs lost", gpu.lost, Unit.COUNT, tone=Tone.BAD if gpu.lost else Tone.PLAIN),
        spelling.figure("GPU utilisation", gpu.utilisation, Unit.SHARE, window="time with a kernel running"),
        spelling.figure("GPU memory", memory, Unit.SHARE, window="engines reserve most by design"),
        spelling.figure("Power, W", gpu.power_watts, Unit.NUMBER),
        spelling.figure("Hardware errors (XID)", gpu.errors, Unit.COUNT),
        spelling.figure(
            "Energy per token, J",
            joules,
            Unit.NUMBER,
            n=performance.energy_tokens if performance is not None else None,
            window="last hour",
        ),
    ]
