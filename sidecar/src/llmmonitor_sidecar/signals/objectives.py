"""Exact good and bad events of each objective, counted where they happen.

Request-based signals count exchanges. Nothing is censored: a latency event is bad the moment its threshold
passes, not when (or if) the answer comes; a client that gave up before that is no event, after it a bad one.
Errors that are the client's own (4xx but 408 and 429) and exchanges that could not be read are no events.
An objective may be of some models or operations alone (`scope.py`); a connection that the model's server
refused is nobody's request in particular and counts for those of all requests only.
Time-based signals count samples of the engine's gauges, one per resource interval. Goodput counts each
request once, by all request-based objectives together.
(Google SRE Workbook, ch. 2 and 5: good events / valid events.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain

from llmmonitor_api.configuration import ObjectiveSetting
from llmmonitor_api.report.report import Engine
from llmmonitor_api.report.totals import ObjectiveCounts, Totals
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome
from llmmonitor_sidecar.signals.scope import Scope
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


@dataclass(slots=True)
class _Counter:
    setting: ObjectiveSetting
    counts: ObjectiveCounts
    scope: Scope
    judged: set[tuple[int, int]] = field(default_factory=set)
    """Exchanges in flight that this objective has already counted."""

    def count(self, judgement: Judgement) -> None:
        if judgement is True:
            self.counts.good += 1
        elif judgement is False:
            self.counts.bad += 1


class Objectives:
    """Counts events of the configured objectives into `totals.objectives`."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals
        self._counters: list[_Counter] = []
        self._met: set[tuple[int, int]] = set()
        """Exchanges in flight that an objective found good,"""
        self._missed: set[tuple[int, int]] = set()
        """and those that one found bad, which are counted already."""
        self._without_output: dict[tuple[int, int], Exchange] = {}
        """Exchanges in flight that generate nothing, as far as an objective may be of them."""
        self._beyond_generating = False

    def configure(self, settings: Iterable[ObjectiveSetting]) -> None:
        """Count these from now on; an unchanged objective keeps its counts, and what it has judged."""
        before = {counter.setting.key: counter.judged for counter in self._counters}
        counted = self._totals.objectives
        counters = []
        for setting in settings:
            counts = counted.get(setting.key) or ObjectiveCounts(
                name=setting.name,
                signal=setting.signal,
                threshold=setting.threshold_text,
                models=",".join(setting.models),
                operations=",".join(setting.operations),
            )
            judged = before.get(setting.key, set())
            counters.append(_Counter(setting, counts, Scope(setting), judged))
        counted.clear()
        counted.update({counter.setting.key: counter.counts for counter in counters})
        self._counters = counters
        self._beyond_generating = any(counter.scope.beyond_generating for counter in counters)

    def handle(self, event: ExchangeEvent) -> None:
        """Judge what just became known."""
        exchange = event.exchange
        key = (exchange.connection, exchange.number)
        if not exchange.generates and not self._follow(key, event):
            return
        for counter in self._counters:
            if key not in counter.judged:
                judge = _AT_EVENT.get((counter.setting.signal, event.kind))
                judgement = None
                if judge is not None and counter.scope.admits(exchange):
                    judgement = judge(exchange, counter.setting.threshold or 0.0)
                if judgement is not None:
                    self._judge(counter, key, judgement=judgement)
            if event.kind is EventKind.ENDED:
                counter.judged.discard(key)
        if event.kind is EventKind.ENDED:
            self._settle(key, exchange.outcome)

    def _follow(self, key: tuple[int, int], event: ExchangeEvent) -> bool:
        """Watch one that generates nothing while it is waited for; False if no objective may be of it."""
        if event.kind is EventKind.ENDED:
            self._without_output.pop(key, None)
        elif self._beyond_generating:
            self._without_output[key] = event.exchange
        return self._beyond_generating

    def refused(self) -> None:
        """A client's connection could not be passed on: the model's server refused it."""
        counters = [
            counter
            for counter in self._counters
            if counter.setting.signal == "ErrorRate" and counter.scope.everything
        ]
        for counter in counters:
            counter.count(judgement=False)
        self._totals.missed_objectives += bool(counters)

    def tick(self, in_flight: Iterable[Exchange], now_ns: int) -> None:
        """Count as bad what has passed its threshold and is still waited for."""
        timed = [
            (
                counter,
                _WAITING_SINCE[counter.setting.signal],
                round((counter.setting.threshold or 0.0) / NANO),
            )
            for counter in self._counters
            if counter.setting.signal in _WAITING_SINCE
        ]
        for exchange in chain(in_flight, self._without_output.values()):
            for counter, waiting_since, threshold_ns in timed:
                since_ns = waiting_since(exchange)
                key = (exchange.connection, exchange.number)
                late = since_ns and now_ns - since_ns > threshold_ns
                if late and key not in counter.judged and counter.scope.admits(exchange):
                    self._judge(counter, key, judgement=False)

    def _judge(self, counter: _Counter, key: tuple[int, int], *, judgement: bool) -> None:
        counter.count(judgement)
        counter.judged.add(key)
        if judgement:
            self._met.add(key)
        elif key not in self._missed:
            self._missed.add(key)
            self._totals.missed_objectives += 1

    def _settle(self, key: tuple[int, int], outcome: Outcome) -> None:
        """An exchange has ended: it met all that judged it, if one did, none found it bad and it was read."""
        read = outcome not in (Outcome.NOT_ANALYSED, Outcome.MALFORMED)
        self._totals.met_objectives += read and key in self._met and key not in self._missed
        self._met.discard(key)
        self._missed.discard(key)

    def sample(self, sample: Sample) -> None:
        """Count one sample of each time-based signal for which there are data."""
        for counter in self._counters:
            judge = _AT_SAMPLE.get(counter.setting.signal)
            if judge:
                counter.count(judge(sample, counter.setting.threshold or 0.0))


def _first_token(exchange: Exchange, threshold: float) -> Judgement:
    return (exchange.first_token_ns - exchange.request_ended_ns) * NANO <= threshold


def _no_first_token(exchange: Exchange, threshold: float) -> Judgement:
    if not exchange.stream or not exchange.request_ended_ns:
        return None
    if exchange.first_token_ns:  # which model it was of may be known only now
        return _first_token(exchange, threshold)
    late = (exchange.ended_ns - exchange.request_ended_ns) * NANO > threshold
    return False if late and exchange.outcome in (Outcome.ABORTED, *FAILED) else None


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


def _abort(exchange: Exchange, _threshold: float) -> Judgement:
    if exchange.outcome is Outcome.ABORTED:
        return False
    return True if exchange.outcome is Outcome.OK else None


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


_AT_EVENT: dict[tuple[str, EventKind], Callable[[Exchange, float], Judgement]] = {
    ("TimeToFirstToken", EventKind.FIRST_TOKEN): _first_token,
    ("TimeToFirstToken", EventKind.ENDED): _no_first_token,
    ("RequestDuration", EventKind.ENDED): _duration,
    ("TimePerOutputToken", EventKind.ENDED): _per_token,
    ("ErrorRate", EventKind.ENDED): _error,
    ("TruncationRate", EventKind.ENDED): _truncation,
    ("AbortRate", EventKind.ENDED): _abort,
}
_WAITING_SINCE: dict[str, Callable[[Exchange], int]] = {
    "TimeToFirstToken": _awaits_first_token,
    "RequestDuration": _awaits_end,
}
_AT_SAMPLE: dict[str, Callable[[Sample, float], Judgement]] = {
    "QueueDepth": _queue,
    "KVCacheUse": _kv_cache,
    "Availability": _availability,
    "Throughput": _throughput,
}
