"""ResourcesHealthy: memory, CPU throttling and the KV cache against the owner's limits, per replica.

What is wrong with GPUs is found in `gpus.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from llmmonitor_api.conditions import Reason
from llmmonitor_api.conditions import reasons_performance as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_api.report.glance import Glance
from llmmonitor_api.report.report import Resources
from llmmonitor_operator.evaluate import gpus, memory_forecast, saturation, wording
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict, nothing_to_judge_by
from llmmonitor_operator.evaluate.measured import SOURCE
from llmmonitor_operator.oom_kills import kills_within
from llmmonitor_operator.settings import Settings
from llmmonitor_operator.state import Source

OOM_WINDOW_SECONDS = 3600.0
_WORTH_SAYING = 0.01
"""Pressure below it is said of nobody."""


def judge(inputs: Inputs) -> Verdict:
    """By the newest sample of every replica with a fresh report."""
    nothing = nothing_to_judge_by(inputs)
    if nothing:
        return nothing
    exceeded = [*_oom_killed(inputs), *gpus.errors(inputs)]
    within: list[tuple[str, _Figure]] = []
    hidden: list[str] = []
    for name, source in inputs.fresh:
        for figure in _figures(source, inputs.settings, inputs.now - source.at):
            if figure.above:
                exceeded.append((figure.reason, f"{name}: {figure.words()}"))
            else:
                within.append((name, figure))
        if not _is_known(source.resources):
            why = source.resources.reason if source.resources else "not sampled"
            hidden.append(f"{name} ({why})" if why else name)
    if exceeded:
        worst = min(exceeded, key=lambda one: _ORDER.index(one[0].name))[0]
        return Verdict(worst, "; ".join(text for _, text in exceeded))
    unseen = f"processes not visible: {wording.listed(hidden)}" if hidden else ""
    if len(hidden) == len(inputs.fresh):
        return Verdict(reasons.PROCESSES_NOT_VISIBLE, "; ".join(filter(None, [unseen, _listed(within, 3)])))
    return Verdict(shared.WITHIN_LIMITS, "; ".join(filter(None, [_listed(within, 4), unseen])))


def _listed(figures: list[tuple[str, _Figure]], limit: int) -> str:
    shown = [f"{name}: {figure.words()}" for name, figure in figures[:limit]]
    return wording.listed([*shown, *(name for name, _ in figures[limit:])], limit)


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
    newest = {one.uid: max(one.at, one.counted_at) for one in inputs.state.oom_kills}
    for pod in inputs.pods:
        at = newest.get(pod.expected.uid)
        if at is not None and inputs.now - at <= OOM_WINDOW_SECONDS:
            ago = wording.duration(inputs.now - at)
            within = wording.duration(OOM_WINDOW_SECONDS)
            text = f"{pod.name}: the kernel killed a process for memory {ago} ago (window {within})"
            yield reasons.OOM_KILLED, text


def oom_kills(inputs: Inputs) -> int | None:
    """Processes killed for memory within the window; None where nobody would tell."""
    told = [source.resources.oom_kills for _, source in inputs.fresh if source.resources]
    if not inputs.environment.cluster and all(one is None for one in told):
        return None
    uids = [pod.expected.uid for pod in inputs.pods]
    return kills_within(inputs.state.oom_kills, inputs.now - OOM_WINDOW_SECONDS, inputs.now, uids)


def _is_known(resources: Resources | None) -> bool:
    """Whether the model's own figures are there, be it from metrics-server."""
    return resources is not None and (resources.processes_visible or resources.memory_used_bytes is not None)


class _Figure(msgspec.Struct, frozen=True):
    """One figure that has a limit."""

    reason: Reason
    above: bool
    """Whether it is above its limit, or will soon be."""
    words: Callable[[], str]
    """Made when it is shown: of a thousand pods within their limits a few are."""


def exceeds(report: Glance, settings: Settings) -> bool:
    """Whether a figure of one replica is above its limit, or will soon be."""
    return any(one.above for one in _figures(report, settings, 0.0))


def _figures(source: Source | Glance, settings: Settings, age_seconds: float) -> Iterator[_Figure]:
    """Each figure of one replica."""
    resources, engine = source.resources, source.engine
    memory = _memory(source, resources, settings.memory_limit, age_seconds) if resources else None
    if memory:
        yield memory
    if engine and engine.kv_cache_use is not None and not engine.error:
        ratio, limit = engine.kv_cache_use, settings.kv_cache_limit
        words = partial(_share_against, "KV cache {}", ratio, limit)
        yield _Figure(reasons.KV_CACHE_SATURATED, ratio > limit, words)
    if saturation.waits(source):
        words = partial(saturation.in_words, source)
        yield _Figure(reasons.SATURATED, saturation.is_saturated(source), words)
    throttled = throttled_share(resources) if resources else None
    if resources and throttled is not None:
        limit = settings.cpu_throttled_limit
        words = partial(_share_against, _throttled(resources), throttled, limit)
        yield _Figure(reasons.CPU_THROTTLED, throttled > limit, words)


def _memory(
    source: Source | Glance, resources: Resources, limit: float, age_seconds: float
) -> _Figure | None:
    used, most = resources.memory_used_bytes, resources.memory_limit_bytes
    if used is not None and most:
        forecast = memory_forecast.forecast(source)
        near = forecast is not None or used / most > limit
        words = partial(_memory_of, resources, (used, most), limit, forecast, age_seconds)
        return _Figure(reasons.MEMORY_NEAR_LIMIT, near, words)
    if not resources.processes_visible and used is None:
        return None
    return _Figure(reasons.MEMORY_NEAR_LIMIT, above=False, words=partial(_memory_without_limit, resources))


def _memory_of(
    resources: Resources,
    part: tuple[int, int],
    limit: float,
    forecast: memory_forecast.Forecast | None,
    age_seconds: float,
) -> str:
    """Args: part: bytes used, and the most that may be."""
    used, most = part
    ratio, sizes = used / most, f"{wording.size(used)} of {wording.size(most)}"
    text = _share_against(f"memory {{}} ({sizes})", ratio, limit)
    if forecast:
        text = f"{text}; {forecast.in_words(age_seconds + resources.sampled_age_seconds)}"
    if not resources.processes_visible:
        text = f"{text}, {SOURCE}"
    stalled = _stalled(resources, "memory") if forecast or ratio > limit else ""
    return "; ".join(filter(None, [text, stalled]))


def _memory_without_limit(resources: Resources) -> str:
    if resources.processes_visible:
        return f"memory {wording.size(resources.rss_bytes)} (no limit known)"
    return f"memory {wording.size(resources.memory_used_bytes or 0)} (no limit known), {SOURCE}"


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


def _throttled(resources: Resources) -> str:
    """What it is held back in, with a place for how much."""
    if resources.cpu_throttled_share is not None:
        return "CPU throttled in {} of periods"
    cores = wording.number(resources.cpu_limit_cores or 0)
    return f"CPU held back by its limit of {cores} cores in {{}} of the last minute"


def _share_against(text: str, ratio: float, limit: float) -> str:
    """Args: text: with a place for the share."""
    said, allowed = text.format(wording.share(ratio)), wording.share(limit)
    return f"{said} > {allowed}" if ratio > limit else f"{said}, limit {allowed}"
