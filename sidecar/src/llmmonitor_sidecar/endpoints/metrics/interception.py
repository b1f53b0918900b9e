"""How traffic is read, and what was missed: shed, malformed, opaque, blind time."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric

from llmmonitor_api.report.report import InterceptionState
from llmmonitor_api.report.totals import InterceptionCounts
from llmmonitor_sidecar.endpoints.metrics.labels import label
from llmmonitor_sidecar.endpoints.metrics.shapes import counter, gauge, info, one

_OURS = "llm_monitor"


def families(state: InterceptionState, counts: InterceptionCounts) -> Iterator[Metric]:
    """Every family about the request path."""
    yield from _state(state)
    yield from _connections(counts)
    yield from _missed(counts)


def _state(state: InterceptionState) -> Iterator[Metric]:
    yield info(
        f"{_OURS}_interception",
        "How traffic is read, and why not when it is not.",
        {"mode": label(state.mode), "reason": label(state.reason)},
    )
    yield gauge(f"{_OURS}_interception_reading", "1 while new connections are read.", one(state.reading))
    yield gauge(f"{_OURS}_relay_alive", "1 while the relay's heartbeat is fresh.", one(state.relay_alive))
    yield gauge(f"{_OURS}_model_listening", "1 while the model listens.", one(state.model_listening))
    yield gauge(
        f"{_OURS}_model_connections",
        "Established connections to the model, by whether they are read.",
        (({"read": "true"}, state.read_connections), ({"read": "false"}, state.bypassing_connections)),
    )
    yield gauge(
        f"{_OURS}_relay_added_latency_p99_seconds",
        "The relay's own delay over the last 5 s.",
        one(state.added_latency_p99_seconds),
        "seconds",
    )


def _connections(counts: InterceptionCounts) -> Iterator[Metric]:
    yield counter(f"{_OURS}_relay_connections", "Connections accepted.", one(counts.accepted))
    yield counter(
        f"{_OURS}_relay_upstream_refused", "Connections the model refused.", one(counts.upstream_refused)
    )
    yield counter(
        f"{_OURS}_relay_bytes",
        "Bytes carried, by direction.",
        (({"to": "model"}, counts.bytes_to_model), ({"to": "client"}, counts.bytes_to_client)),
        "bytes",
    )
    yield counter(
        f"{_OURS}_drained_connections",
        "Idle connections past the relay that were closed.",
        one(counts.drained_connections),
    )
    yield counter(f"{_OURS}_relay_starts", "Starts of the relay.", one(counts.relay_starts))
    yield counter(f"{_OURS}_analyser_starts", "Starts of the analyser.", one(counts.analyser_starts))
    yield counter(
        f"{_OURS}_interception_step_asides", "Times the sidecar stepped aside.", one(counts.step_asides)
    )


def _missed(counts: InterceptionCounts) -> Iterator[Metric]:
    yield counter(
        f"{_OURS}_interception_blind_seconds",
        "Time in which new connections were not read though they should have been.",
        one(counts.blind_nanoseconds * 1e-9),
        "seconds",
    )
    yield counter(
        f"{_OURS}_shed_bytes",
        "Copies dropped because the analyser did not keep up.",
        one(counts.shed_bytes),
        "bytes",
    )
    yield counter(
        f"{_OURS}_connections_not_analysed",
        "Connections carried and not analysed, by cause.",
        (({"cause": "shed"}, counts.shed_connections), ({"cause": "unknown"}, counts.unknown_connections)),
    )
    yield counter(
        f"{_OURS}_exchanges_not_analysed",
        "Exchanges carried and not analysed.",
        one(counts.exchanges_not_analysed),
    )
    yield counter(
        f"{_OURS}_opaque_connections",
        "Connections carried but not readable, by protocol.",
        (({"protocol": label(name)}, n) for name, n in sorted(counts.opaque_connections.items())),
    )
    malformed = dict(counts.malformed.counts)
    if counts.malformed.other:
        malformed["other"] = malformed.get("other", 0) + counts.malformed.other
    yield counter(
        f"{_OURS}_malformed_exchanges",
        "Exchanges that could not be parsed, by reason.",
        (({"reason": label(reason)}, n) for reason, n in sorted(malformed.items())),
    )
