"""Probes that this sidecar sent: how many, what they took, and what keeps the next one."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric

from llmmonitor_api.report.probing import ProbeCounts, Probing
from llmmonitor_sidecar.endpoints.metrics.labels import label
from llmmonitor_sidecar.endpoints.metrics.shapes import counter, gauge, one


def families(counts: ProbeCounts, probing: Probing, nanoseconds: int) -> Iterator[Metric]:
    """Of the counts since the start and of this moment."""
    results = (("answered", counts.answered), ("unanswered", counts.unanswered))
    yield counter(
        "llm_monitor_probes",
        "Probes sent to the model, by what came back; in no other figure of traffic.",
        (({"result": result}, many) for result, many in results),
    )
    kinds = (("input", counts.prompt_tokens), ("output", counts.completion_tokens))
    yield counter(
        "llm_monitor_probe_tokens",
        "Tokens of answered probes, as the model server counted them.",
        (({"gen_ai_token_type": kind}, tokens) for kind, tokens in kinds),
    )
    yield counter(
        "llm_monitor_probing_seconds",
        "Time with a probe in flight and no request of a client.",
        one(nanoseconds / 1e9),
        "seconds",
    )
    yield gauge(
        "llm_monitor_probes_waiting",
        "1 while a probe that is due is not sent, by why.",
        (({"reason": label(probing.waits)}, 1.0),) if probing.waits else (),
    )
