"""Counts what people make of answers: the feedback that they give, and what they do on the wire.

Only while the owner asks for it. Kept are counts, and keyed hashes of the newest answers' ids, so that
feedback is of an answer that this sidecar has seen, and the latest of several counts. No text, no client and
no id leaves this process.
"""

from __future__ import annotations

from enum import Enum

from llmmonitor_api.configuration import OutcomesSetting
from llmmonitor_api.report.live_outcomes import REGENERATED, REPHRASED, STOPPED, VERDICTS, LiveOutcomes
from llmmonitor_api.report.totals import Totals
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome
from llmmonitor_sidecar.signals.asked_again import Again, AskedAgain
from llmmonitor_sidecar.signals.clients import ClientTable
from llmmonitor_sidecar.signals.naming import NOBODY
from llmmonitor_sidecar.signals.remembered import Hashing, Remembered

ANSWERS_LIMIT = 65_536
"""Whose ids are remembered: about 6 MiB."""
ANSWERS_SECONDS = 86_400.0
CHANGES_LIMIT = 20
"""Of the feedback of one answer."""
_AMBIGUOUS = 1
_VERDICT_SHIFT, _VERDICT_MASK = 1, 3
_CHANGES_SHIFT = 3


class Rated(Enum):
    """What became of a feedback."""

    COUNTED = "counted"
    REPLACED = "replaced"
    UNKNOWN = "unknown"
    """No answer of this id was seen, or too long ago."""
    AMBIGUOUS = "ambiguous"
    """Several answers bore it."""
    TOO_OFTEN = "too_often"
    """It was changed CHANGES_LIMIT times."""


class LiveOutcomeCounter:
    """Told of every event, and of feedback; from one thread."""

    def __init__(self, totals: Totals, clients: ClientTable | None = None) -> None:
        self._counts: LiveOutcomes = totals.live_outcomes
        self._clients = clients or ClientTable(NOBODY)
        self._asked: AskedAgain | None = None
        self._hashing = Hashing()
        self._answers: Remembered[int] = Remembered(ANSWERS_LIMIT, ANSWERS_SECONDS)

    def configure(self, setting: OutcomesSetting | None) -> None:
        """Count from now on, or no longer: then all is forgotten but the counts."""
        if setting is None:
            self._asked = None
            self._answers.clear()
        elif self._asked is None:
            self._asked = AskedAgain()

    def handle(self, event: ExchangeEvent, client: str) -> None:
        """Take note of an exchange that ended; its text must still be there."""
        exchange = event.exchange
        if self._asked is None or event.kind is not EventKind.ENDED or not exchange.generates:
            return
        if exchange.outcome not in (Outcome.OK, Outcome.ABORTED):
            return
        self._counts.requests += 1
        if exchange.stream and exchange.first_token_ns:
            stopped = exchange.outcome is Outcome.ABORTED
            self._counts.begun += 1
            self._counts.stopped += stopped
            self._judge(exchange, STOPPED, good=not stopped)
        if exchange.outcome is Outcome.OK:
            self._counts.answers += 1
            if exchange.response_id:
                self._identified(exchange.response_id, event.at_ns)
        self._compare(self._asked, exchange, client)

    def knows(self, response_id: str, now_ns: int) -> bool:
        """Whether an answer of this id is remembered."""
        return self._answers.get(self._hashing.of((response_id,)), now_ns) is not None

    def rate(self, response_id: str, verdict: str, now_ns: int) -> Rated:
        """Count a feedback, one of VERDICTS; the latest of an answer's takes the place of the one before."""
        key = self._hashing.of((response_id,))
        known = self._answers.get(key, now_ns)
        if known is None:
            self._counts.unknown += 1
            return Rated.UNKNOWN
        if known & _AMBIGUOUS:
            self._counts.ambiguous += 1
            return Rated.AMBIGUOUS
        before, changes = known >> _VERDICT_SHIFT & _VERDICT_MASK, known >> _CHANGES_SHIFT
        if changes >= CHANGES_LIMIT:
            return Rated.TOO_OFTEN
        self._add(self._counts.given, verdict)
        if before:
            self._add(self._counts.withdrawn, VERDICTS[before - 1])
        else:
            self._counts.rated += 1
        place = VERDICTS.index(verdict) + 1
        self._answers.put(key, place << _VERDICT_SHIFT | (changes + 1) << _CHANGES_SHIFT, now_ns)
        return Rated.REPLACED if before else Rated.COUNTED

    def _identified(self, response_id: str, now_ns: int) -> None:
        key = self._hashing.of((response_id,))
        known = self._answers.get(key, now_ns)
        self._answers.put(key, 0 if known is None else known | _AMBIGUOUS, now_ns)
        self._counts.identified += known is None

    def _compare(self, asked_again: AskedAgain, exchange: Exchange, client: str) -> None:
        said = exchange.said
        if said is None or said.forgotten:
            return
        asked = asked_again.look(exchange, said, client)
        if asked is None:
            return
        counts = self._counts
        if asked.again is Again.REPEATED:
            counts.repeated += 1
            return
        regenerated = asked.again is Again.SAME
        counts.compared += 1
        counts.regenerated += regenerated
        counts.followed += asked.follows
        counts.rephrased += asked.rephrased
        self._judge(exchange, REGENERATED, good=not regenerated)
        if asked.follows:
            self._judge(exchange, REPHRASED, good=not asked.rephrased)

    def _judge(self, exchange: Exchange, measure: str, *, good: bool) -> None:
        """For the comparison of versions, where clients are told apart."""
        place = self._clients.place_of(measure)
        if place is not None:
            self._clients.judged(exchange, place, exchange.ended_ns, good=good)

    @staticmethod
    def _add(counts: dict[str, int], verdict: str) -> None:
        counts[verdict] = counts.get(verdict, 0) + 1
