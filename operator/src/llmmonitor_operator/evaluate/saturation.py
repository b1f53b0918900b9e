"""Saturation before latency: whether more comes than an engine serves, said before its objectives suffer.

By the engine's own queue, as its sidecar has watched it. Saturated is an engine whose queue never emptied
over the samples and either grows, with its whole interval, or is never shorter than what it works on at once:
who comes then waits for at least as long as an answer takes.
"""

from __future__ import annotations

from llmmonitor_api.report.glance import Glance
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.state import Source


def is_saturated(source: Source | Glance) -> bool:
    """By the newest report."""
    found = source.live.saturation
    if found is None or not found.waiting_least:
        return False
    grows = found.waiting_per_minute_low > 0
    return grows or (found.running_most is not None and found.waiting_least >= found.running_most)


def waits(source: Source | Glance) -> bool:
    """Whether its queue never emptied."""
    found = source.live.saturation
    return found is not None and bool(found.waiting_least)


def in_words(source: Source | Glance) -> str:
    """`12 requests waiting, growing by 8 (5-11) a minute (n=31 over 30 s), …`; empty with none."""
    found = source.live.saturation
    if found is None or not found.waiting_least:
        return ""
    span = f"(n={wording.count(found.samples)} over {wording.duration(found.span_seconds)})"
    waiting = wording.counted(found.waiting, "request") + " waiting"
    if found.waiting_per_minute_low > 0:
        mean, low, high = (
            wording.number(one, 2)
            for one in (found.waiting_per_minute, found.waiting_per_minute_low, found.waiting_per_minute_high)
        )
        parts = [f"{waiting}, growing by {mean} ({low}–{high}) a minute {span}"]  # noqa: RUF001 - a range
    else:
        parts = [f"{waiting}, never fewer than {wording.count(found.waiting_least)} {span}"]
    engine = source.engine
    if engine and engine.running is not None and not engine.error:
        parts.append(f"{wording.count(engine.running)} being worked on")
    if engine and engine.kv_cache_use is not None and not engine.error:
        parts.append(f"KV cache {wording.share(engine.kv_cache_use)}")
    if found.preemptions:
        parts.append(wording.counted(found.preemptions, "preemption"))
    return ", ".join(parts)


def evidence(inputs: Inputs) -> list[str]:
    """Of every saturated replica, what is to be said before its latency."""
    return [f"saturated: {name}: {in_words(source)}" for name, source in inputs.fresh if is_saturated(source)]
