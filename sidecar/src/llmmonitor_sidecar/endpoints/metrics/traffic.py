"""Exchanges with the model: OpenTelemetry's four GenAI histograms, and counters for what they leave out.

`gen_ai_request_stream` is on every series, because streamed and unstreamed exchanges are counted apart.
Errors are a counter of their own: a duration per error type would multiply the buckets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import Metric

from llmmonitor_api.report.buckets import DURATION_SECONDS, FIRST_TOKEN_SECONDS, PER_TOKEN_SECONDS, TOKENS
from llmmonitor_api.report.frequency import FrequencyTable
from llmmonitor_api.report.totals import TrafficSeries
from llmmonitor_sidecar.endpoints.metrics.labels import label
from llmmonitor_sidecar.endpoints.metrics.shapes import Labels, Samples, counter, histogram

_SERVER = "gen_ai_server"
_OURS = "llm_monitor"
_OTHER = "_OTHER"
"""What OpenTelemetry calls everything that has no label value of its own."""
_Labelled = Sequence[tuple[Labels, TrafficSeries]]


def families(all_series: Sequence[TrafficSeries]) -> Iterator[Metric]:
    """Every family about exchanges."""
    labelled = [(_labels(series), series) for series in all_series]
    yield from _histograms(labelled)
    yield from _exchange_counters(labelled)
    yield from _token_counters(labelled)


def _labels(series: TrafficSeries) -> Labels:
    return {
        "gen_ai_operation_name": label(series.operation),
        "gen_ai_provider_name": label(series.provider),
        "gen_ai_request_model": label(series.request_model),
        "gen_ai_response_model": label(series.response_model),
        "gen_ai_request_stream": "true" if series.stream else "false",
    }


def _histograms(labelled: _Labelled) -> Iterator[Metric]:
    streamed = [(labels, series) for labels, series in labelled if series.stream and series.generates]
    generating = [(labels, series) for labels, series in labelled if series.generates]
    yield histogram(
        f"{_SERVER}_time_to_first_token_seconds",
        "From the last request byte to the first generated delta of any kind; streamed answers only.",
        FIRST_TOKEN_SECONDS,
        [(labels, series.time_to_first_token) for labels, series in streamed],
        "seconds",
    )
    yield histogram(
        f"{_OURS}_time_to_first_content_seconds",
        "From the last request byte to the first visible content; streamed answers only.",
        FIRST_TOKEN_SECONDS,
        [(labels, series.time_to_first_content) for labels, series in streamed],
        "seconds",
    )
    yield histogram(
        f"{_SERVER}_time_per_output_token_seconds",
        "Time per output token after the first, per choice; exact token counts only.",
        PER_TOKEN_SECONDS,
        [(labels, series.time_per_output_token) for labels, series in generating],
        "seconds",
    )
    yield histogram(
        f"{_OURS}_chunk_gap_seconds",
        "Time between successive chunks of one choice; a chunk may carry several tokens.",
        PER_TOKEN_SECONDS,
        [(labels, series.gaps) for labels, series in streamed],
        "seconds",
    )
    yield histogram(
        f"{_SERVER}_request_duration_seconds",
        "From the last request byte to the end of the exchange, however it ended.",
        DURATION_SECONDS,
        [(labels, series.duration) for labels, series in labelled],
        "seconds",
    )
    yield histogram(
        "gen_ai_client_token_usage",
        "Tokens per exchange, from exact sources only.",
        TOKENS,
        [
            ({**labels, "gen_ai_token_type": kind}, tokens)
            for labels, series in labelled
            for kind, tokens in (("input", series.prompt_tokens), ("output", series.completion_tokens))
            if series.generates or tokens.count
        ],
    )


def _exchange_counters(labelled: _Labelled) -> Iterator[Metric]:
    yield counter(
        f"{_OURS}_requests",
        "Ended exchanges by how they ended.",
        _by(labelled, "outcome", [series.outcomes for _, series in labelled]),
    )
    yield counter(
        f"{_OURS}_request_errors",
        "Ended exchanges with an error, by its type.",
        _by(labelled, "error_type", [_counts(series.error_types) for _, series in labelled]),
    )
    yield counter(
        f"{_OURS}_finish_reasons",
        "Choices by why the model stopped.",
        _by(labelled, "finish_reason", [_counts(series.finish_reasons) for _, series in labelled]),
    )
    yield counter(
        f"{_OURS}_empty_answers",
        "Successful answers without any output.",
        ((labels, series.empty) for labels, series in labelled if series.generates),
    )
    yield counter(
        f"{_OURS}_program_answers",
        "Answers that hold a tool call, or JSON that was asked for, by kind.",
        _by(labelled, "kind", [series.forms_checked for _, series in labelled]),
    )
    yield counter(
        f"{_OURS}_malformed_answers",
        "Those of them whose arguments or JSON cannot be parsed.",
        _by(labelled, "kind", [series.forms_malformed for _, series in labelled]),
    )
    yield counter(
        f"{_OURS}_chunk_gaps_dropped",
        "Gaps between chunks that were not kept because there were too many at once.",
        ((labels, series.gaps_dropped) for labels, series in labelled if series.stream and series.generates),
    )


def _token_counters(labelled: _Labelled) -> Iterator[Metric]:
    yield counter(
        f"{_OURS}_tokens",
        "Tokens by type; exact=false are lower bounds from counted deltas.",
        (
            ({**labels, "gen_ai_token_type": kind, "exact": exact}, tokens)
            for labels, series in labelled
            for kind, exact, tokens in (
                ("input", "true", series.prompt_tokens_exact),
                ("input", "false", series.prompt_tokens_counted),
                ("output", "true", series.completion_tokens_exact),
                ("output", "false", series.completion_tokens_counted),
            )
        ),
    )
    yield counter(
        f"{_OURS}_cached_tokens",
        "Input tokens that the server answered from its cache, as far as it says so.",
        ((labels, series.cached_tokens) for labels, series in labelled if series.generates),
    )
    yield counter(
        f"{_OURS}_reasoning_tokens",
        "Output tokens spent on reasoning, as far as the server says so.",
        ((labels, series.reasoning_tokens) for labels, series in labelled if series.generates),
    )
    yield counter(
        f"{_OURS}_token_sources",
        "Ended generating exchanges by where their count of output tokens came from.",
        _by(labelled, "source", [series.token_sources for _, series in labelled]),
    )


def _by(labelled: _Labelled, name: str, counts: Sequence[Mapping[str, int]]) -> Samples:
    for (labels, _), values in zip(labelled, counts, strict=True):
        for value, times in sorted(values.items()):
            yield {**labels, name: label(value)}, times


def _counts(table: FrequencyTable) -> Mapping[str, int]:
    if not table.other:
        return table.counts
    return {**table.counts, _OTHER: table.counts.get(_OTHER, 0) + table.other}
