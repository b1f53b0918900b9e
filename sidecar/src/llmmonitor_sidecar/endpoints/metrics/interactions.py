"""What detectors found, by kind, detector, version and origin; never any text."""

from __future__ import annotations

import json
from collections.abc import Iterator

from prometheus_client import Metric

from llmmonitor_api.report.interactions import InteractionCounts, InteractionsState
from llmmonitor_sidecar.endpoints.metrics.labels import label
from llmmonitor_sidecar.endpoints.metrics.shapes import counter, gauge, one

_OURS = "llm_monitor"


def families(counts: InteractionCounts, state: InteractionsState) -> Iterator[Metric]:
    """Every family about interactions."""
    yield counter(
        f"{_OURS}_interaction_exchanges",
        "Ended generating exchanges by whether detectors looked at them.",
        (({"looked_at": said}, n) for said, n in _coverage(counts)),
    )
    yield counter(
        f"{_OURS}_interactions",
        "Exchanges that were looked at, by kind of interaction: all, and those in which it was found.",
        (
            ({"kind": label(name), "result": result}, getattr(kind, result))
            for name, kind in sorted(counts.kinds.items())
            for result in ("looked_at", "flagged", "verified", "complied")
        ),
    )
    yield counter(
        f"{_OURS}_findings",
        "Exchanges with a finding, by what found it and in whose text.",
        (
            (
                dict(
                    zip(("kind", "detector", "version", "origin"), map(label, json.loads(key)), strict=True)
                ),
                n,
            )
            for key, n in sorted(counts.findings.items())
        ),
    )
    yield counter(
        f"{_OURS}_detectors_cpu_seconds",
        "CPU time that detectors took.",
        one(counts.cpu_nanoseconds * 1e-9),
        "seconds",
    )
    yield counter(
        f"{_OURS}_detectors_characters", "Characters that they looked at.", one(counts.text_characters)
    )
    yield counter(
        f"{_OURS}_detectors_cut_short",
        "Exchanges that took more CPU than one may, so that not every detector saw all.",
        one(counts.cut_short),
    )
    yield counter(
        f"{_OURS}_detectors_read_in_part",
        "Exchanges looked at with a text of more than 32,768 characters, of which detectors read parts.",
        one(counts.read_in_part),
    )
    yield gauge(
        f"{_OURS}_interactions_sampled_ratio",
        "Share of exchanges that is looked at now: below 1 while the CPU allowed does not suffice for all.",
        one(state.sampled_share),
        "ratio",
    )
    yield gauge(
        f"{_OURS}_clients",
        "Clients within the window, as far as addresses tell them apart.",
        one(state.clients.clients),
    )
    yield gauge(
        f"{_OURS}_client_requests_most",
        "Requests of the one client with the most of them within the window.",
        one(state.clients.most_requests),
    )


def _coverage(counts: InteractionCounts) -> tuple[tuple[str, int], ...]:
    return (("true", counts.looked_at), ("false", max(0, counts.exchanges - counts.looked_at)))
