"""Whether a probe may be sent now: never to a model that has enough to do.

A probe is one request more. Where requests wait for the engine, where its KV cache is nearly full, or where
what is in flight makes no progress, clients would wait for it. An engine that does not say whether anything
waits gets probes only while nothing is in flight.
"""

from __future__ import annotations

from llmmonitor_api.report.probing import NOT_READY, SATURATED
from llmmonitor_api.report.report import Engine, Live

KV_CACHE_LIMIT = 0.9
NO_PROGRESS_SECONDS = 2.0


def in_the_way(engine: Engine | None, live: Live, *, listening: bool) -> tuple[str, str]:
    """Why no probe may be sent, as `Probing.waits` and in words; both empty when one may."""
    if not listening:
        return NOT_READY, "the model does not listen"
    if engine is None:
        return NOT_READY, "nothing is known of the engine yet"
    busy = _busy(engine, live)
    return (SATURATED, busy) if busy else ("", "")


def _busy(engine: Engine, live: Live) -> str:
    if live.seconds_without_progress is not None and live.seconds_without_progress > NO_PROGRESS_SECONDS:
        return "requests in flight make no progress"
    if engine.error or engine.waiting is None:
        unknown = "requests are in flight, and the engine does not say whether others wait"
        return unknown if live.in_flight else ""
    if engine.waiting:
        return f"{engine.waiting} requests wait for the engine"
    if engine.kv_cache_use is not None and engine.kv_cache_use >= KV_CACHE_LIMIT:
        return f"the KV cache is {engine.kv_cache_use:.0%} full (limit {KV_CACHE_LIMIT:.0%})"
    return ""
