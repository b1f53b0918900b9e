"""Pairs what the engine counts with what the wire showed, over stretches in which both can be compared.

Both are looked at in the same moment. A stretch begins and ends where nothing is in flight, or, on a server
that never rests, where what is in flight at its ends is at most `EDGES` of its requests; a restart of the
engine ends it without a result. Our own requests go past the relay: metrics and models make no tokens, and
what probes made is taken from what the engine counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from llmmonitor_api.report import merge
from llmmonitor_api.report.engine_counts import EDGES, Compared, EngineCounts, Pair
from llmmonitor_api.report.probing import ProbeCounts
from llmmonitor_api.report.totals import Totals, TrafficSeries
from llmmonitor_sidecar.analyser.exchange import Outcome, TokenSource
from llmmonitor_sidecar.engines.figures import Figures
from llmmonitor_sidecar.engines.ledger import Course

UNCOUNTED_SHARE = 0.01
"""Requests without an exact count that a stretch may have and still be compared by tokens: some client hangs
up in any hour, and its tokens are known as a lower bound."""
_POOLING = "vllm"
"""The dialect of requests that vLLM counts as it counts generating ones, and that generate nothing."""
_EMBEDDINGS = "embeddings"


class Wire(msgspec.Struct, frozen=True):
    """Counted on the wire so far; of requests that engines count, which not every GET is."""

    in_flight: int = 0
    begun: int = 0
    ended: int = 0
    """However they ended; one that asked for several choices counts as those that were answered."""
    answered: int = 0
    exact: int = 0
    """With an exact count of tokens."""
    uncounted: int = 0
    """With a lower bound."""
    prompt_tokens: int = 0
    generation_tokens: int = 0
    first_tokens: int = 0
    first_token_nanoseconds: int = 0
    probes: ProbeCounts = ProbeCounts()
    """Ours, which are in none of the others."""


def wire_of(totals: Totals, in_flight: int) -> Wire:
    """What the analyser has counted up to now."""
    counted = [series for series in totals.traffic.values() if _reaches_engine(series)]
    generating = [series for series in counted if series.generates]
    sources = [item for series in generating for item in series.token_sources.items()]
    return Wire(
        in_flight=in_flight,
        begun=totals.begun,
        ended=sum(map(_ended, counted)),
        answered=sum(series.outcomes.get(Outcome.OK.value, 0) for series in counted),
        exact=sum(n for source, n in sources if source in _EXACT),
        uncounted=sum(n for source, n in sources if source == TokenSource.COUNTED.value),
        prompt_tokens=sum(series.prompt_tokens_exact + series.prompt_tokens_counted for series in counted),
        generation_tokens=sum(
            series.completion_tokens_exact + series.completion_tokens_counted for series in generating
        ),
        first_tokens=sum(series.time_to_first_token.count for series in generating),
        first_token_nanoseconds=sum(series.time_to_first_token.sum_nano for series in generating),
        probes=totals.probes,
    )


_EXACT = frozenset(source.value for source in TokenSource if source.exact)


def _reaches_engine(series: TrafficSeries) -> bool:
    return series.generates or series.operation == _EMBEDDINGS or series.provider == _POOLING


def _ended(series: TrafficSeries) -> int:
    answered = series.outcomes.get(Outcome.OK.value, 0)
    return sum(series.outcomes.values()) - answered + max(answered, series.finish_reasons.total)


@dataclass(frozen=True, slots=True)
class _Mark:
    """One moment."""

    engine: EngineCounts
    wire: Wire
    in_flight: int
    """As much as either says, and what came or went while the engine was asked."""


class CrossCheck:
    """Adds to `totals.compared`."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals
        self._opened: _Mark | None = None

    def pause(self) -> None:
        """Compare nothing that happens until the next look."""
        self._opened = None

    def take(self, figures: Figures, before: Wire, after: Wire, course: Course) -> None:
        """One good look at the engine.

        Args:
            figures: what it said.
            before: the wire as it was when the engine was asked.
            after: and when it had answered.
            course: how its counters came here.
        """
        moved = after.begun - before.begun + after.ended - before.ended
        moved += after.probes.begun - before.probes.begun + after.probes.ended - before.probes.ended
        working = (figures.running or 0) + (figures.waiting or 0)
        now = _Mark(self._totals.engine, after, max(before.in_flight, after.in_flight, working) + moved)
        opened = self._opened
        if opened is None or course is not Course.ON:
            self._opened = now
            return
        engine = merge.since(now.engine, opened.engine)
        requests = max(after.ended - opened.wire.ended, sum(engine.finished_requests.values()))
        if opened.in_flight + now.in_flight > EDGES * requests:
            if (now.engine, now.wire) == (opened.engine, opened.wire):
                self._opened = now  # nothing happened: a quieter beginning is a better one
            return
        self._opened = now
        compared = _compared(figures, engine, now.wire, opened.wire)
        self._totals.compared = merge.add(self._totals.compared, compared)


def _compared(figures: Figures, engine: EngineCounts, new: Wire, old: Wire) -> Compared:
    """Of one stretch; a figure that the engine does not have is no zero, so its pair stays empty."""
    ended = new.ended - old.ended
    exact, uncounted = new.exact - old.exact, new.uncounted - old.uncounted
    ours = merge.since(new.probes, old.probes)
    unclear = uncounted + ours.uncounted + ours.unanswered
    by_tokens = figures.generation_tokens is not None and unclear <= UNCOUNTED_SHARE * (exact + uncounted)
    whole = by_tokens and figures.prompt_tokens is not None and figures.prompt_tokens_whole
    counts_requests = figures.finished_requests is not None
    # a probe is not streamed, and nobody saw its first token
    times_first = figures.time_to_first_token is not None and not ours.ended
    first = engine.time_to_first_token
    return Compared(
        requests=Pair(_less(sum(engine.finished_requests.values()), ours.answered), ended)
        if counts_requests
        else Pair(),
        answered=new.answered - old.answered if counts_requests else 0,
        prompt_tokens=Pair(
            _less(engine.prompt_tokens, ours.prompt_tokens), new.prompt_tokens - old.prompt_tokens
        )
        if whole
        else Pair(),
        generation_tokens=Pair(
            _less(engine.generation_tokens, ours.completion_tokens),
            new.generation_tokens - old.generation_tokens,
        )
        if by_tokens
        else Pair(),
        token_requests=exact + uncounted if by_tokens else 0,
        uncounted_requests=0 if by_tokens else exact + uncounted,
        first_tokens=Pair(first.count, new.first_tokens - old.first_tokens) if times_first else Pair(),
        first_token_nanoseconds=Pair(
            first.sum_nano, new.first_token_nanoseconds - old.first_token_nanoseconds
        )
        if times_first
        else Pair(),
    )


def _less(counted: int, ours: int) -> int:
    return max(0, counted - ours)
