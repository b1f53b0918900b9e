"""The engine's own account of itself, under one set of names for all engines."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric

from llmmonitor_api.report.report import Engine, Saturation
from llmmonitor_sidecar.endpoints.metrics.labels import label
from llmmonitor_sidecar.endpoints.metrics.shapes import counter, gauge, info, one

_ENGINE = "llm_monitor_engine"


def families(engine: Engine) -> Iterator[Metric]:
    """Every family about the engine; what it does not say is absent."""
    yield info(
        _ENGINE,
        "Which engine serves which model, and how that was found out.",
        {
            "engine": label(engine.name),
            "version": label(engine.version or ""),
            "model": label(engine.model or ""),
            "detected_by": label(engine.detected_by),
        },
    )
    if engine.scraped_age_seconds is not None:
        yield gauge(f"{_ENGINE}_scrape_ok", "1 if the last scrape went well.", one(not engine.error))
    yield gauge(
        f"{_ENGINE}_scrape_age_seconds",
        "Age of the figures below.",
        one(engine.scraped_age_seconds),
        "seconds",
    )
    yield gauge(
        f"{_ENGINE}_metric_missing",
        "1 for each metric that this engine is known to have and did not give.",
        (({"metric": label(name)}, 1) for name in engine.missing),
    )
    yield from _figures(engine)


def _figures(engine: Engine) -> Iterator[Metric]:
    yield gauge(f"{_ENGINE}_requests_running", "Requests being worked on.", one(engine.running))
    yield gauge(f"{_ENGINE}_requests_waiting", "Requests queued.", one(engine.waiting))
    yield gauge(f"{_ENGINE}_kv_cache_used_ratio", "KV cache in use.", one(engine.kv_cache_use), "ratio")
    yield counter(f"{_ENGINE}_preemptions", "Requests put back for want of cache.", one(engine.preemptions))
    yield gauge(
        f"{_ENGINE}_prefix_cache_hit_ratio",
        "Share of prompt tokens found in the prefix cache.",
        one(engine.prefix_cache_hit_rate),
        "ratio",
    )
    yield counter(f"{_ENGINE}_prompt_tokens", "Prompt tokens, as it counts.", one(engine.prompt_tokens))
    yield counter(
        f"{_ENGINE}_generation_tokens", "Generated tokens, as it counts.", one(engine.generation_tokens)
    )
    finished = engine.finished_requests or {}
    yield counter(
        f"{_ENGINE}_requests_finished",
        "Requests by why they ended, as it counts.",
        (({"reason": label(reason)}, n) for reason, n in sorted(finished.items())),
    )


def queue(saturation: Saturation) -> Iterator[Metric]:
    """What its queue did over the last samples."""
    yield gauge(
        f"{_ENGINE}_requests_waiting_least",
        "The fewest requests queued at any of the last samples.",
        one(saturation.waiting_least),
    )
    yield gauge(
        f"{_ENGINE}_requests_waiting_growth_per_minute",
        "How fast its queue grew over the last samples: mean and 95 % interval (`bound`).",
        (
            ({"bound": bound}, figure)
            for bound, figure in (
                ("mean", saturation.waiting_per_minute),
                ("low", saturation.waiting_per_minute_low),
                ("high", saturation.waiting_per_minute_high),
            )
        ),
    )
