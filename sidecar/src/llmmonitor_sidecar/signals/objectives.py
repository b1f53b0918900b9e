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

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from llmmonitor_api.configuration import ObjectiveSetting
from llmmonitor_api.report.totals import ObjectiveCounts, Totals
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome
from llmmonitor_sidecar.signals.clients import ClientTable
from llmmonitor_sidecar.signals.judgements import (
    AT_EVENT,
    AT_SAMPLE,
    GOOD_MEANWHILE,
    SIGNALS,
    WAITING_SINCE,
    Judgement,
    Sample,
)
from llmmonitor_sidecar.signals.naming import NOBODY
from llmmonitor_sidecar.signals.scope import Scope
from llmmonitor_sidecar.signals.traffic import NANO

_OF_REQUESTS = frozenset(signal for signal, _ in AT_EVENT)


@dataclass(slots=True)
class _Counter:
    setting: ObjectiveSetting
    counts: ObjectiveCounts
    scope: Scope
    judged: set[tuple[int, int]] = field(default_factory=set)
    """Exchanges in flight that this objective has already counted."""
    place: int = 0
    """Among those that judge requests."""

    def count(self, judgement: Judgement) -> None:
        if judgement is True:
            self.counts.good += 1
        elif judgement is False:
            self.counts.bad += 1


class Objectives:
    """Counts events of the configured objectives into `totals.objectives`."""

    def __init__(self, totals: Totals, clients: ClientTable | None = None) -> None:
        self._totals = totals
        self._clients = clients or ClientTable(NOBODY)
        self._counters: list[_Counter] = []
        self._met: set[tuple[int, int]] = set()
        """Exchanges in flight that an objective found good,"""
        self._missed: set[tuple[int, int]] = set()
        """and those that one found bad, which are counted already."""
        self._without_output: dict[tuple[int, int], Exchange] = {}
        """Exchanges in flight that generate nothing, as far as an objective may be of them."""
        self._beyond_generating = False

    def configure(self, settings: Iterable[ObjectiveSetting], beside: Iterable[str] = ()) -> None:
        """Count these from now on; an unchanged objective keeps its counts, and what it has judged.

        Args:
            settings: the objectives.
            beside: what else single clients are compared by; others judge by it.
        """
        before = {counter.setting.key: counter.judged for counter in self._counters}
        counted = self._totals.objectives
        counters = []
        for setting in settings:
            if setting.signal not in SIGNALS:
                continue  # of a newer operator: not in the report, so that nobody takes it for counted
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
        requests = [counter for counter in counters if counter.setting.signal in _OF_REQUESTS]
        for place, counter in enumerate(requests):
            counter.place = place
        self._clients.judge_by([*(counter.setting.key for counter in requests), *beside])

    def handle(self, event: ExchangeEvent) -> None:
        """Judge what just became known."""
        exchange = event.exchange
        key = (exchange.connection, exchange.number)
        if not exchange.generates and not self._follow(key, event):
            return
        for counter in self._counters:
            if key not in counter.judged:
                judge = AT_EVENT.get((counter.setting.signal, event.kind))
                judgement = None
                if judge is not None and counter.scope.admits(exchange):
                    judgement = judge(exchange, counter.setting.threshold or 0.0)
                if judgement is not None:
                    self._judge(counter, key, judgement=judgement)
                    self._clients.judged(exchange, counter.place, event.at_ns, good=judgement)
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
                WAITING_SINCE[counter.setting.signal],
                round((counter.setting.threshold or 0.0) / NANO),
                GOOD_MEANWHILE.get(counter.setting.signal),
            )
            for counter in self._counters
            if counter.setting.signal in WAITING_SINCE
        ]
        for exchange in chain(in_flight, self._without_output.values()):
            for counter, waiting_since, threshold_ns, during in timed:
                since_ns = waiting_since(exchange)
                key = (exchange.connection, exchange.number)
                late = since_ns and now_ns - since_ns > threshold_ns
                if not (late or during) or key in counter.judged or not counter.scope.admits(exchange):
                    continue
                judgement = False if late else during and during(exchange, counter.setting.threshold or 0.0)
                if judgement is not None:
                    self._judge(counter, key, judgement=judgement)
                    self._clients.judged(exchange, counter.place, now_ns, good=judgement)

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
            judge = AT_SAMPLE.get(counter.setting.signal)
            if judge:
                counter.count(judge(sample, counter.setting.threshold or 0.0))
