"""ResourcesHealthy: memory, CPU throttling and the KV cache against the owner's limits, per replica.

What is wrong with GPUs is found in `gpus.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from llmmonitor_api.conditions import Reason
from llmmonitor_api.conditions import reasons_performance as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_api.report.report import Resources
from llmmonitor_operator.evaluate import gpus, memory_forecast, saturation, wording
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict, nothing_to_judge_by
from llmmonitor_operator.evaluate.measured import SOURCE
from llmmonitor_operator.settings import Settings
from llmmonitor_operator.state import Source

_OOM_WINDOW_SECONDS = 3600.0
_WORTH_SAYING = 0.01
"""Pressure below it is said of nobody."""


def judge(inputs: Inputs) -> Verdict:
    """By the newest sample of every replica with a fresh report."""
    nothing = nothing_to_judge_by(inputs)
    if nothing:
        return nothing
    exceeded = [*_oom_killed(inputs), *gpus.errors(inputs)]
    within: list[str] = []
    hidden: list[str] = []
    for name, source in inputs.fresh:
        figures = list(_figures(source, inputs.settings, inputs.now - source.at))
        exceeded += [(reason, f"{name}: {text}") for reason, text, above in figures if above]
        within += [f"{name}: {text}" for _, text, above in figures if not above]
        if not _is_known(source.resources):
            why = source.resources.reason if source.resources else "not sampled"
            hidden.append(f"{name} ({why})" if why else name)
    if exceeded:
        worst = min(exceeded, key=lambda one: _ORDER.index(one[0].name))[0]
        return Verdict(worst, "; ".join(text for _, text in exceeded))
    unseen = f"processes not visible: {wording.listed(hidden)}" if hidden else ""
    if len(hidden) == len(inputs.fresh):
        return Verdict(
            reasons.PROCESSES_NOT_VISIBLE, "; ".join(filter(None, [unseen, wording.listed(within)]))
        )
    return Verdict(shared.WITHIN_LIMITS, "; ".join(filter(None, [wording.listed(within, 4), unseen])))


_ORDER = (
    reasons.OOM_KILLED.name,
    reasons.MEMORY_NEAR_LIMIT.name,
    reasons.GPU_ERRORS.name,
    reasons.KV_CACHE_SATURATED.name,
    reasons.SATURATED.name,
    reasons.CPU_THROTTLED.name,
)
"""The worst first."""


def _oom_killed(inputs: Inputs) -> Iterator[tuple[Reason, str]]:
    for pod in inputs.pods:
        known = inputs.state.pods.get(pod.expected.uid)
        at = known.oom_killed_at if known else None
        if at is not None and inputs.now - at <= _OOM_WINDOW_SECONDS:
            ago = wording.duration(inputs.now - at)
            within = wording.duration(_OOM_WINDOW_SECONDS)
            text = f"{pod.name}: the kernel killed a process for memory {ago} ago (window {within})"
            yield reasons.OOM_KILLED, text


def _is_known(resources: Resources | None) -> bool:
    """Whether the model's own figures are there, be it from metrics-server."""
    return resources is not None and (resources.processes_visible or resources.memory_used_bytes is not None)


def _figures(source: Source, settings: Settings, age_seconds: float) -> Iterator[tuple[Reason, str, bool]]:
    """Each figure that has a limit: its reason, words, and whether it is above, or will soon be."""
    resources, engine = source.resources, source.engine
    if resources and resources.memory_used_bytes is not None and resources.memory_limit_bytes:
        ratio = resources.memory_used_bytes / resources.memory_limit_bytes
        used = f"{wording.size(resources.memory_used_bytes)} of {wording.size(resources.memory_limit_bytes)}"
        text = _against(f"memory {wording.share(ratio)} ({used})", ratio, settings.memory_limit)
        forecast = memory_forecast.forecast(source)
        if forecast:
            text = f"{text}; {forecast.in_words(age_seconds + resources.sampled_age_seconds)}"
        if not resources.processes_visible:
            text = f"{text}, {SOURCE}"
        near = forecast is not None or ratio > settings.memory_limit
        stalled = _stalled(resources, "memory") if near else ""
        yield reasons.MEMORY_NEAR_LIMIT, "; ".join(filter(None, [text, stalled])), near
    elif resources and resources.processes_visible:
        yield reasons.MEMORY_NEAR_LIMIT, f"memory {wording.size(resources.rss_bytes)} (no limit known)", False
    elif resources and resources.memory_used_bytes is not None:
        used = wording.size(resources.memory_used_bytes)
        yield reasons.MEMORY_NEAR_LIMIT, f"memory {used} (no limit known), {SOURCE}", False
    if engine and engine.kv_cache_use is not None and not engine.error:
        ratio = engine.kv_cache_use
        text = _against(f"KV cache {wording.share(ratio)}", ratio, settings.kv_cache_limit)
        yield reasons.KV_CACHE_SATURATED, text, ratio > settings.kv_cache_limit
    queue = saturation.in_words(source)
    if queue:
        yield reasons.SATURATED, queue, saturation.is_saturated(source)
    throttled = _throttled(resources) if resources else None
    if throttled:
        ratio, words = throttled
        text = _against(words, ratio, settings.cpu_throttled_limit)
        yield reasons.CPU_THROTTLED, text, ratio > settings.cpu_throttled_limit


def _stalled(resources: Resources, resource: str) -> str:
    """Evidence beside a verdict: how long processes waited for it, and whose."""
    found = resources.pressure.get(resource)
    if found is None or found.some_60s < _WORTH_SAYING:
        return ""
    whose = "its processes" if found.of == "model" else "processes of the node"
    return f"{whose} waited for {resource} in {wording.share(found.some_60s)} of the last minute"


def throttled_share(resources: Resources) -> float | None:
    """By the kernel's count of periods, else by what can be seen from outside of the cgroup."""
    counted = resources.cpu_throttled_share
    return resources.cpu_at_limit_share if counted is None else counted


def _throttled(resources: Resources) -> tuple[float, str] | None:
    ratio = throttled_share(resources)
    if ratio is None:
        return None
    if resources.cpu_throttled_share is not None:
        return ratio, f"CPU throttled in {wording.share(ratio)} of periods"
    cores = wording.number(resources.cpu_limit_cores or 0)
    return ratio, f"CPU held back by its limit of {cores} cores in {wording.share(ratio)} of the last minute"


def _against(text: str, ratio: float, limit: float) -> str:
    return f"{text} > {wording.share(limit)}" if ratio > limit else f"{text}, limit {wording.share(limit)}"
