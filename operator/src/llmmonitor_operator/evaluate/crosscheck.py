"""Holds what the engines count against what was counted on the wire: requests, tokens, times.

The sidecar pairs both over stretches of time whose edges are small (`signals/crosscheck.py` there); here the
pairs of a window are judged. What the engines have and the wire has not was not read: it went past the relay,
or could not be read. What cannot be compared is said, with why.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmmonitor_api.report.engine_counts import EDGES, Compared, Pair
from llmmonitor_api.status.engine_counts import CrossCheckStatus, CrossCheckVerdict
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.figures import Figures

WINDOW_SECONDS = 3600.0
REQUESTS_NEEDED = 20
"""Fewer say nothing of a share."""
TOKENS_NEEDED = 200
"""As many as so many short answers have: where the wire has seen no request, tokens alone may tell."""
REQUESTS_TOLERANCE = EDGES + 0.01
"""What may be under way at the edges, and a hundredth for what clients retry and proxies repeat."""
TOKENS_TOLERANCE = 2 * EDGES + 0.01
"""What is under way at an edge was longer under way than most, so has more tokens than its share of requests;
and a hundredth for answers whose tokens are known as a lower bound."""
FIRST_TOKEN_TOLERANCE = 0.1
"""Of the engines' mean: parsing, tokenisation and the network of one node."""
FIRST_TOKEN_SECONDS = 0.02
"""And never less than this: the clocks of relay and engine look at different moments of the same tick."""
SAME_REQUESTS = 0.1
"""Means are compared if both are of the same requests, up to this share: engines time unstreamed ones too."""
_NANO = 1e-9
_WINDOW = wording.duration(WINDOW_SECONDS)


@dataclass(frozen=True, slots=True)
class _Counts:
    """One thing that both count."""

    name: str
    pair: Pair
    requests: int
    """That it is judged by."""
    tolerance: float

    @property
    def more_by_engine(self) -> bool:
        return _exceeds(self.pair.engine, self.pair.wire, self.tolerance)

    @property
    def more_on_wire(self) -> bool:
        return _exceeds(self.pair.wire, self.pair.engine, self.tolerance)

    def agree(self, text: str) -> CrossCheckStatus:
        return self._judged(CrossCheckVerdict.AGREES, text)

    def differ(self, text: str) -> CrossCheckStatus:
        return self._judged(CrossCheckVerdict.DIFFERS, text)

    def _judged(self, verdict: CrossCheckVerdict, text: str) -> CrossCheckStatus:
        return CrossCheckStatus(
            name=self.name,
            verdict=verdict,
            engine=self.pair.engine,
            wire=self.pair.wire,
            requests=self.requests,
            tolerance=self.tolerance,
            message=f"{text} (n={wording.count(self.requests)} over {_WINDOW},"
            f" tolerance {wording.share(self.tolerance)})",
        )


def cross_checks(inputs: Inputs, figures: Figures) -> tuple[CrossCheckStatus, ...]:
    """All of a window; none where the wire is not read by the owner's wish, or no engine was ever asked."""
    asked = any(source.engine and source.engine.scraped_age_seconds is not None for _, source in inputs.fresh)
    if not inputs.settings.intercepts or not asked:
        return ()
    compared = figures.compared
    return (
        _requests(compared),
        _tokens(compared, "prompt-tokens", compared.prompt_tokens),
        _tokens(compared, "completion-tokens", compared.generation_tokens),
        _first_token(compared),
    )


def unread(inputs: Inputs) -> list[str]:
    """What the engines did and nobody read, in words; empty when it is within the tolerance or not known."""
    if not inputs.settings.intercepts:
        return []
    compared = inputs.window(WINDOW_SECONDS).compared
    pair, needed, tolerance = compared.requests, REQUESTS_NEEDED, REQUESTS_TOLERANCE
    what = "requests that the engine finished"
    if pair == Pair():
        pair, needed, tolerance = compared.generation_tokens, TOKENS_NEEDED, TOKENS_TOLERANCE
        what = "tokens that the engine generated"
    if pair.engine < needed or not _exceeds(pair.engine, pair.wire, tolerance):
        return []
    missing = pair.engine - pair.wire
    text = (
        f"of {wording.count(pair.engine)} {what} over {_WINDOW}, {wording.count(missing)}"
        f" ({wording.share(missing / pair.engine)}) were not read: they did not pass the relay, or could not"
        " be read"
    )
    return [text]


def _requests(compared: Compared) -> CrossCheckStatus:
    pair, answered = compared.requests, compared.answered
    one = _Counts("requests", pair, max(pair.engine, pair.wire), REQUESTS_TOLERANCE)
    if one.requests < REQUESTS_NEEDED:
        return _too_few(one, compared)
    said = f"the engine finished {wording.count(pair.engine)}, {wording.count(pair.wire)} were read"
    if one.more_by_engine:
        missing = wording.share_with_interval(pair.engine - pair.wire, pair.engine)
        return one.differ(f"{said}: {missing} did not pass the relay, or could not be read")
    if _exceeds(answered, pair.engine, REQUESTS_TOLERANCE):
        return one.differ(
            f"{said} and {wording.count(answered)} answered: another engine answers on this port too, or its"
            " counters are of one of several processes"
        )
    return one.agree(said)


def _tokens(compared: Compared, name: str, pair: Pair) -> CrossCheckStatus:
    one = _Counts(name, pair, compared.token_requests, TOKENS_TOLERANCE)
    if pair == Pair() and compared.uncounted_requests and not one.requests:
        uncounted = wording.counted(compared.uncounted_requests, "request")
        return _cannot(
            name,
            f"{uncounted} over {_WINDOW}, all in times in which too many came without an exact count: let"
            " clients ask for stream_options.include_usage",
        )
    if pair == Pair() or (one.requests < REQUESTS_NEEDED and pair.engine < TOKENS_NEEDED):
        return _too_few(one, compared)
    said = f"{wording.count(pair.engine)} by the engine, {wording.count(pair.wire)} on the wire"
    if one.more_by_engine:
        more = wording.share(1 - pair.wire / pair.engine)
        return one.differ(
            f"{said}: {more} of the engine's were not read, or it counts more than clients are told"
        )
    if one.more_on_wire:
        more = wording.share(1 - pair.engine / pair.wire)
        return one.differ(f"{said}: the engine has not counted {more} of what clients were told")
    return one.agree(said)


def _first_token(compared: Compared) -> CrossCheckStatus:
    name = "time-to-first-token"
    times, seconds = compared.first_tokens, compared.first_token_nanoseconds
    n = min(times.engine, times.wire)
    if n < REQUESTS_NEEDED and not (times.engine >= REQUESTS_NEEDED and times.wire):
        return _too_few(_Counts(name, times, n, FIRST_TOKEN_TOLERANCE), compared)
    others = _cannot(
        name,
        f"the engine timed {wording.count(times.engine)} first tokens over {_WINDOW}, and"
        f" {wording.count(times.wire)} of streamed answers were read: the means are of other requests",
    )
    if abs(times.engine - times.wire) > SAME_REQUESTS * times.engine:
        return others
    engine, wire = seconds.engine * _NANO / times.engine, seconds.wire * _NANO / times.wire
    outside = wire - engine
    text = (
        f"mean {wording.latency(wire)} on the wire, {wording.latency(engine)} by the engine"
        f" (n={wording.count(n)} over {_WINDOW})"
    )
    allowed = max(FIRST_TOKEN_SECONDS, FIRST_TOKEN_TOLERANCE * engine)
    if outside > allowed:
        if wire - _longest_mean(times, seconds) <= allowed:
            return others
        verdict = CrossCheckVerdict.DIFFERS
        text += f": {wording.latency(outside)} pass outside the engine, queueing before it or on the network"
    elif -outside > allowed:
        verdict = CrossCheckVerdict.DIFFERS
        text += ": the engine's clock begins before the request is complete, or it times other requests"
    else:
        verdict = CrossCheckVerdict.AGREES
    return CrossCheckStatus(
        name=name,
        verdict=verdict,
        engine=engine,
        wire=wire,
        requests=n,
        tolerance=min(1.0, allowed / engine) if engine else None,
        message=text,
    )


def _longest_mean(times: Pair, seconds: Pair) -> float:
    """The engines' mean of the requests that were read, in seconds, if the others took no time at all.

    Those are unstreamed, and may have found another queue: a few quick ones lower the mean of all.
    """
    return seconds.engine * _NANO / min(times.engine, times.wire)


def _exceeds(more: int, less: int, tolerance: float) -> bool:
    return more - less > tolerance * more


def _too_few(one: _Counts, compared: Compared) -> CrossCheckStatus:
    if one.pair == Pair() and compared != Compared():
        return _cannot(one.name, "the engine does not say, or does not count as clients are told")
    return _cannot(
        one.name,
        f"{wording.counted(one.requests, 'request')} over {_WINDOW}, a verdict needs {REQUESTS_NEEDED}",
    )


def _cannot(name: str, message: str) -> CrossCheckStatus:
    return CrossCheckStatus(
        name=name, verdict=CrossCheckVerdict.CANNOT_COMPARE, message=f"cannot compare: {message}"
    )
