"""Counts and histograms of exchanges, by operation and model: the cumulative part of the report.

Fed by the parser's events; reads exchanges while they are in flight too (`drain`), so that the gaps of an
hour-long stream are in the report while it runs. Definitions are those of the field: TTFT and duration begin
with the last request byte; time per output token is (last - first) / (n - tokens in the first chunk), per
choice and only with an exact n.
"""

from __future__ import annotations

from llmmonitor_api.report.totals import SERIES_LIMIT, Totals, TrafficSeries, series_key
from llmmonitor_sidecar.analyser.exchange import (
    ChoiceProgress,
    EventKind,
    Exchange,
    ExchangeEvent,
    Outcome,
    TokenSource,
)
from llmmonitor_sidecar.signals.models import OTHER, ModelNames

NANO = 1e-9
REASONS_LIMIT = 24
"""Distinct error types and finish reasons kept per series."""


class Traffic:
    """Adds exchanges to `totals`."""

    def __init__(self, totals: Totals, models: ModelNames) -> None:
        self._totals = totals
        self._models = models

    def handle(self, event: ExchangeEvent) -> None:
        """Take note of what just became known."""
        exchange = event.exchange
        if event.kind is EventKind.REQUEST_ENDED:
            self._totals.begun += exchange.generates
        elif event.kind is EventKind.FIRST_TOKEN:
            ttft = max(0, exchange.first_token_ns - exchange.request_ended_ns)
            self._series(exchange).time_to_first_token.record(ttft * NANO)
        else:
            self._ended(exchange)

    def drain(self, exchange: Exchange) -> None:
        """Take over what `exchange` has gathered so far; it stays in flight."""
        if exchange.gaps_ns or exchange.gaps_dropped:
            self._drain_into(exchange, self._series(exchange))

    def _drain_into(self, exchange: Exchange, series: TrafficSeries) -> None:
        for gap in exchange.gaps_ns:
            series.gaps.record(gap * NANO)
        exchange.gaps_ns.clear()
        series.gaps_dropped += exchange.gaps_dropped
        exchange.gaps_dropped = 0

    def _ended(self, exchange: Exchange) -> None:
        counts = self._totals.interception
        if exchange.outcome is Outcome.NOT_ANALYSED:
            counts.exchanges_not_analysed += 1
        if exchange.malformed_reason:
            counts.malformed.record(exchange.malformed_reason, REASONS_LIMIT)
        series = self._series(exchange)
        self._drain_into(exchange, series)
        outcome = exchange.outcome.value
        series.outcomes[outcome] = series.outcomes.get(outcome, 0) + 1
        if exchange.error_type:
            series.error_types.record(exchange.error_type, REASONS_LIMIT)
        for reason in exchange.finish_reasons:
            series.finish_reasons.record(reason, REASONS_LIMIT)
        series.empty += exchange.empty
        for kind, well_formed in exchange.forms:
            series.forms_checked[kind] = series.forms_checked.get(kind, 0) + 1
            if not well_formed:
                series.forms_malformed[kind] = series.forms_malformed.get(kind, 0) + 1
        _record_times(series, exchange)
        _record_tokens(series, exchange)

    def _series(self, exchange: Exchange) -> TrafficSeries:
        refused = exchange.outcome is Outcome.CLIENT_ERROR
        request_model = self._models.admit(exchange.request_model, refused=refused)
        response_model = self._models.admit(exchange.response_model, refused=refused)
        traffic = self._totals.traffic
        if len(traffic) >= SERIES_LIMIT:
            request_model, response_model = request_model and OTHER, response_model and OTHER
        labels = (exchange.operation, exchange.dialect, request_model, response_model)
        key = series_key(*labels, stream=exchange.stream)
        series = traffic.get(key)
        if series is None:
            series = traffic[key] = TrafficSeries(
                *labels, stream=exchange.stream, generates=exchange.generates
            )
        return series


def time_per_output_token(exchange: Exchange, choice: ChoiceProgress) -> float | None:
    """Seconds per token after the first chunk, or None where n is not exact or too small."""
    if not exchange.completion_token_source.exact:
        return None
    if exchange.completion_token_source is TokenSource.USAGE:
        if len(exchange.choices) != 1:
            return None  # `usage` is the sum over the choices
        tokens = exchange.completion_tokens
    else:
        tokens = choice.tokens
    later = tokens - choice.tokens_in_first_chunk
    if later < 1 or choice.chunks < 2:  # noqa: PLR2004 - one chunk has no duration
        return None
    return (choice.last_token_ns - choice.first_token_ns) * NANO / later


def _record_times(series: TrafficSeries, exchange: Exchange) -> None:
    begun = exchange.request_ended_ns or exchange.request_began_ns
    series.duration.record(max(0, exchange.ended_ns - begun) * NANO)
    if exchange.first_content_ns:
        series.time_to_first_content.record(max(0, exchange.first_content_ns - begun) * NANO)
    for choice in exchange.choices.values():
        per_token = time_per_output_token(exchange, choice)
        if per_token is not None:
            series.time_per_output_token.record(per_token)


def _record_tokens(series: TrafficSeries, exchange: Exchange) -> None:
    source = exchange.completion_token_source
    if exchange.generates:
        series.token_sources[source.value] = series.token_sources.get(source.value, 0) + 1
    if source.exact:
        series.completion_tokens_exact += exchange.completion_tokens
        series.completion_tokens.record(exchange.completion_tokens)
    else:
        series.completion_tokens_counted += exchange.completion_tokens
    if exchange.prompt_token_source.exact:
        series.prompt_tokens_exact += exchange.prompt_tokens
        series.prompt_tokens.record(exchange.prompt_tokens)
    else:
        series.prompt_tokens_counted += exchange.prompt_tokens
    series.cached_tokens += exchange.cached_tokens
    series.reasoning_tokens += exchange.reasoning_tokens
