"""What makes an event good or bad: a function for each signal of an objective, and when it is asked.

Of a request, when something became known of it, and while it is waited for; of time, once per resource
interval. None is no event. Who counts, and for which objectives, is `objectives.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llmmonitor_api.report.report import Engine
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, Outcome
from llmmonitor_sidecar.signals.traffic import NANO, time_per_output_token

FAILED = frozenset({Outcome.OVERLOADED, Outcome.TIMED_OUT, Outcome.SERVER_ERROR, Outcome.CUT_OFF})
"""Outcomes that are the model's or its server's fault."""

Judgement = bool | None
"""True is good, False is bad, None is no event."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What time-based signals look at once per resource interval."""

    engine: Engine | None
    model_listening: bool
    tokens_per_second: float | None
    """Over the last minute, while something was in flight; None without."""


def _first_token(exchange: Exchange, threshold: float) -> Judgement:
    return (exchange.first_token_ns - exchange.request_ended_ns) * NANO <= threshold


def _no_first_token(exchange: Exchange, threshold: float) -> Judgement:
    if not exchange.stream or not exchange.request_ended_ns:
        return None
    if exchange.first_token_ns:  # which model it was of may be known only now
        return _first_token(exchange, threshold)
    late = (exchange.ended_ns - exchange.request_ended_ns) * NANO > threshold
    return False if late and exchange.outcome in (Outcome.ABORTED, *FAILED) else None


def _first_content(exchange: Exchange, threshold: float) -> Judgement:
    """Of a stream that calls a tool and says nothing, content is not missed."""
    if not exchange.stream or not exchange.request_ended_ns:
        return None
    if exchange.first_content_ns:
        return (exchange.first_content_ns - exchange.request_ended_ns) * NANO <= threshold
    if exchange.in_flight or exchange.calls_tool:
        return None
    late = (exchange.ended_ns - exchange.request_ended_ns) * NANO > threshold
    return False if late and exchange.outcome in (Outcome.OK, Outcome.ABORTED, *FAILED) else None


def _gap(exchange: Exchange, threshold: float) -> Judgement:
    """An answer of one chunk has no gap; the end that a server owes after the last chunk is one."""
    if not exchange.stream or not exchange.last_token_ns:
        return None
    last = exchange.ended_ns - exchange.last_token_ns if exchange.outcome in FAILED else 0
    if max(exchange.longest_gap_ns, last) * NANO > threshold:
        return False
    return True if exchange.outcome is Outcome.OK and exchange.longest_gap_ns else None


def _tokens_per_second(exchange: Exchange, threshold: float) -> Judgement:
    seconds = (exchange.ended_ns - exchange.request_ended_ns) * NANO
    exact = exchange.completion_token_source.exact and exchange.completion_tokens > 0
    if exchange.outcome is not Outcome.OK or not exchange.request_ended_ns or not exact or seconds <= 0:
        return None
    return exchange.completion_tokens / seconds >= threshold


def _duration(exchange: Exchange, threshold: float) -> Judgement:
    if not exchange.request_ended_ns:
        return None
    late = (exchange.ended_ns - exchange.request_ended_ns) * NANO > threshold
    if exchange.outcome is Outcome.OK:
        return not late
    return False if late and exchange.outcome in (Outcome.ABORTED, *FAILED) else None


def _per_token(exchange: Exchange, threshold: float) -> Judgement:
    figures = [time_per_output_token(exchange, choice) for choice in exchange.choices.values()]
    known = [figure for figure in figures if figure is not None]
    return max(known) <= threshold if known else None


def _error(exchange: Exchange, _threshold: float) -> Judgement:
    if exchange.outcome in FAILED:
        return False
    return True if exchange.outcome is Outcome.OK else None


def _truncation(exchange: Exchange, _threshold: float) -> Judgement:
    return "length" not in exchange.finish_reasons if exchange.outcome is Outcome.OK else None


def _empty(exchange: Exchange, _threshold: float) -> Judgement:
    return not exchange.empty if exchange.generates and exchange.outcome is Outcome.OK else None


def _malformed(exchange: Exchange, _threshold: float) -> Judgement:
    return all(well_formed for _, well_formed in exchange.forms) if exchange.forms else None


def _overload(exchange: Exchange, _threshold: float) -> Judgement:
    return _unless(exchange, Outcome.OVERLOADED)


def _timeout(exchange: Exchange, _threshold: float) -> Judgement:
    return _unless(exchange, Outcome.TIMED_OUT)


def _abort(exchange: Exchange, _threshold: float) -> Judgement:
    return _unless(exchange, Outcome.ABORTED)


def _unless(exchange: Exchange, bad: Outcome) -> Judgement:
    if exchange.outcome is bad:
        return False
    return True if exchange.outcome is Outcome.OK else None


def _awaits_content(exchange: Exchange) -> int:
    waits = exchange.stream and not exchange.first_content_ns and not exchange.calls_tool
    return exchange.request_ended_ns if waits else 0


def _awaits_chunk(exchange: Exchange) -> int:
    return exchange.last_token_ns if exchange.stream else 0


def _awaits_first_token(exchange: Exchange) -> int:
    return exchange.request_ended_ns if exchange.stream and not exchange.first_token_ns else 0


def _awaits_end(exchange: Exchange) -> int:
    return exchange.request_ended_ns


def _queue(sample: Sample, threshold: float) -> Judgement:
    waiting = sample.engine.waiting if sample.engine else None
    return None if waiting is None else waiting <= threshold


def _kv_cache(sample: Sample, threshold: float) -> Judgement:
    use = sample.engine.kv_cache_use if sample.engine else None
    return None if use is None else use <= threshold


def _availability(sample: Sample, _threshold: float) -> Judgement:
    return sample.model_listening


def _throughput(sample: Sample, threshold: float) -> Judgement:
    return None if sample.tokens_per_second is None else sample.tokens_per_second >= threshold


AT_EVENT: dict[tuple[str, EventKind], Callable[[Exchange, float], Judgement]] = {
    ("TimeToFirstToken", EventKind.FIRST_TOKEN): _first_token,
    ("TimeToFirstToken", EventKind.ENDED): _no_first_token,
    ("RequestDuration", EventKind.ENDED): _duration,
    ("TimePerOutputToken", EventKind.ENDED): _per_token,
    ("ErrorRate", EventKind.ENDED): _error,
    ("TruncationRate", EventKind.ENDED): _truncation,
    ("AbortRate", EventKind.ENDED): _abort,
    ("TimeToFirstContent", EventKind.ENDED): _first_content,
    ("ChunkGap", EventKind.ENDED): _gap,
    ("RequestThroughput", EventKind.ENDED): _tokens_per_second,
    ("OverloadRate", EventKind.ENDED): _overload,
    ("TimeoutRate", EventKind.ENDED): _timeout,
    ("EmptyAnswerRate", EventKind.ENDED): _empty,
    ("MalformedAnswerRate", EventKind.ENDED): _malformed,
}
WAITING_SINCE: dict[str, Callable[[Exchange], int]] = {
    "TimeToFirstToken": _awaits_first_token,
    "RequestDuration": _awaits_end,
    "TimeToFirstContent": _awaits_content,
    "ChunkGap": _awaits_chunk,
}
"""Since when a request waits for what the signal speaks of; 0: it does not."""
GOOD_MEANWHILE: dict[str, Callable[[Exchange, float], Judgement]] = {"TimeToFirstContent": _first_content}
"""What no event tells of and is good long before the end."""
AT_SAMPLE: dict[str, Callable[[Sample, float], Judgement]] = {
    "QueueDepth": _queue,
    "KVCacheUse": _kv_cache,
    "Availability": _availability,
    "Throughput": _throughput,
}
SIGNALS = frozenset({*AT_SAMPLE, *(signal for signal, _ in AT_EVENT)})
"""All that can be counted here."""
