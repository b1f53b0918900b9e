"""Counts what requests and answers look like, for drift: one pass over each exchange that was answered.

Failed and aborted exchanges are not counted: an outage is no drift. Token counts are taken where they are
exact; an approximation that came or went with a setting of the engine would look like drift.
"""

from __future__ import annotations

from llmmonitor_api.report.features import (
    COMPLETION_TOKENS,
    FINISH_REASON,
    FINISH_REASONS,
    PARAMETERS,
    PROMPT_TOKENS,
    STRATA_LIMIT,
    TURNS,
    FeatureCounts,
    bucket_of,
    record,
    stratum_of,
)
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome


class Features:
    """Adds exchanges to `counts`."""

    def __init__(self, counts: FeatureCounts) -> None:
        self._counts = counts

    def handle(self, event: ExchangeEvent) -> None:
        """Take note of an exchange that ended well."""
        exchange = event.exchange
        if event.kind is EventKind.ENDED and exchange.generates and exchange.outcome is Outcome.OK:
            self._answered(exchange)

    def _answered(self, exchange: Exchange) -> None:
        self._counts.requests += 1
        counts = self._counts.counts
        if exchange.turns:
            record(counts, TURNS, bucket_of(exchange.turns))
        if exchange.parameters is not None:
            record(counts, PARAMETERS, exchange.parameters)
        if exchange.finish_reasons:
            record(counts, FINISH_REASON, FINISH_REASONS.index(exchange.finish_reasons[0]))
        prompt = exchange.prompt_tokens if exchange.prompt_token_source.exact else None
        completion = exchange.completion_tokens if exchange.completion_token_source.exact else None
        if prompt is not None:
            record(counts, PROMPT_TOKENS, bucket_of(prompt))
        if completion is not None:
            record(counts, COMPLETION_TOKENS, bucket_of(completion))
        if prompt is not None and completion is not None:
            self._stratum(stratum_of(exchange.operation, prompt), bucket_of(completion))

    def _stratum(self, stratum: int, bucket: int) -> None:
        strata = self._counts.completions
        if stratum in strata or len(strata) < STRATA_LIMIT:
            buckets = strata.setdefault(stratum, {})
            buckets[bucket] = buckets.get(bucket, 0) + 1
