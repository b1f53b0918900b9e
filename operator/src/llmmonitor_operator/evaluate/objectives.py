"""How each objective stands: exact good and bad events over the windows that matter.

Reads the counts that sidecars keep where events happen (never interpolated buckets). Used by the condition
PerformanceHealthy and by `status.objectives`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.burn_rate import Burn, Pair, Reach, burn_rate, reach
from llmmonitor_operator.evaluate.objective_scope import not_counted_by, titled, why_not_counted
from llmmonitor_operator.evaluate.request_outcomes import failures
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.once import once_for_each
from llmmonitor_operator.settings import ObjectiveSettings, Settings
from llmmonitor_operator.state import Source, State
from llmmonitor_operator.windows import FIGURE_TIERS, Count

_HISTOGRAMS = {
    "TimeToFirstToken": ("TTFT", "time_to_first_token"),
    "TimePerOutputToken": ("time per output token", "time_per_output_token"),
    "RequestDuration": ("duration", "duration"),
}
_BAD_EVENTS = {
    "TimeToFirstToken": "no first token within {threshold}",
    "TimePerOutputToken": "slower than {threshold} per token",
    "RequestDuration": "not finished within {threshold}",
    "ErrorRate": "errors",
    "TruncationRate": "truncated answers",
    "AbortRate": "aborted requests",
    "TimeToFirstContent": "no content within {threshold}",
    "ChunkGap": "more than {threshold} between two chunks",
    "RequestThroughput": "requests under {threshold} tokens/s",
    "OverloadRate": "refused for load",
    "TimeoutRate": "timed out",
    "EmptyAnswerRate": "empty answers",
    "MalformedAnswerRate": "malformed tool calls or JSON",
    "QueueDepth": "samples with more than {threshold} waiting",
    "KVCacheUse": "samples with the KV cache above {threshold}",
    "Availability": "samples without the model listening",
    "Throughput": "samples under {threshold} tokens/s",
}
_NO_SUCH_REQUEST = "no such request has counted yet"


class ObjectiveStanding(msgspec.Struct, frozen=True):
    """One objective and what has happened."""

    objective: ObjectiveSettings
    burns: tuple[Burn, ...]
    """Of the pairs that the target can reach, the most urgent first."""
    unreachable: tuple[Pair, ...]
    whole: Count
    """Over the objective's window, or what is known of it."""
    events_needed: int
    last_event_at: float | None
    not_counted: str = ""
    """In which pods, and why, in words; empty where it is counted in all that report."""

    @property
    def firing(self) -> Burn | None:
        """The most urgent pair that fires."""
        return next((burn for burn in self.burns if burn.fires), None)

    @property
    def nearest(self) -> Burn | None:
        """The pair that is nearest to firing."""
        return max(self.burns, key=lambda burn: burn.sustained / burn.pair.factor, default=None)

    @property
    def judged_over(self) -> Burn | None:
        """The pair with the longest window: what the objective is said to hold by."""
        return self.burns[-1] if self.burns else None

    @property
    def events(self) -> int:
        """Events in the longest window of a pair."""
        return self.judged_over.long.total if self.judged_over else 0

    @property
    def judged(self) -> bool:
        """Whether there are events enough to say that it holds."""
        return self.events >= self.events_needed

    def is_recent(self, now: float, hold_for_seconds: float) -> bool:
        """Whether its newest event may be judged by at `now` (Unix seconds)."""
        return self.last_event_at is not None and now - self.last_event_at <= hold_for_seconds

    @property
    def why_no_event(self) -> str:
        """Of an objective for some requests that has counted none, why, in words; else empty."""
        if not self.objective.filtered or self.last_event_at is not None:
            return ""
        return self.not_counted or _NO_SUCH_REQUEST

    @property
    def budget_spent(self) -> float | None:
        """Share of the error budget of what is known of the window that is spent; may exceed 1."""
        rate = burn_rate(self.whole, self.objective.budget)
        return None if rate is None else float(rate)


def standings(
    settings: Settings, state: State, fresh: Sequence[tuple[str, Source]] = ()
) -> tuple[ObjectiveStanding, ...]:
    """Every objective, in the spec's order; `fresh` are the pods that report, by name."""
    return tuple(_standing(objective, state, fresh) for objective in settings.objectives)


def _standing(
    objective: ObjectiveSettings, state: State, fresh: Sequence[tuple[str, Source]]
) -> ObjectiveStanding:
    key, budget, found = objective.key, objective.budget, _reach(objective)
    lengths = {seconds for pair in found.pairs for seconds in (pair.long_seconds, pair.short_seconds)}
    counts = {seconds: state.count(key, seconds) for seconds in lengths | {objective.window_seconds}}
    return ObjectiveStanding(
        objective=objective,
        burns=tuple(
            Burn(pair, counts[pair.long_seconds], counts[pair.short_seconds], budget) for pair in found.pairs
        ),
        unreachable=found.unreachable,
        whole=counts[objective.window_seconds],
        events_needed=found.events_needed,
        last_event_at=state.events_at.get(key),
        not_counted=why_not_counted(not_counted_by(objective, fresh), len(fresh)),
    )


@once_for_each
def _reach(objective: ObjectiveSettings) -> Reach:
    """Fractions take their time."""
    return reach(objective.window_seconds, objective.budget)


def firing_message(standing: ObjectiveStanding, burn: Burn, state: State) -> str:
    """`first-token: TTFT p99 2.31 s (1.9-2.9) > 1 s over 1 h (n=4,210), burn rate 16.2 (limit 14.4)`."""
    objective = standing.objective
    window = window_text(objective, burn, state)
    figure = _quantile_above(objective, burn, state) or _bad_share(objective, burn)
    of_all_errors = objective.signal == "ErrorRate" and not objective.filtered
    classes = failures(state, burn.pair.long_seconds) if of_all_errors else ""
    rate, limit = (wording.number(float(one)) for one in (burn.long_rate or 0, burn.pair.factor))
    return (
        f"{titled(objective)}: {figure} over {window} (n={wording.count(burn.long.total)}),"
        f" burn rate {rate} (limit {limit})" + (f": {classes}" if classes else "")
    )


def _quantile_above(objective: ObjectiveSettings, burn: Burn, state: State) -> str:
    """The quantile at the target with its interval, if the histogram bears it out; else empty.

    A request that never got its token is in no histogram: then the share of bad events says more. Histograms
    are of all requests: of an objective for some of them they say nothing.
    """
    seconds = burn.pair.long_seconds
    if objective.filtered or objective.signal not in _HISTOGRAMS or objective.threshold is None:
        return ""
    if seconds > FIGURE_TIERS[-1].reach_seconds:
        return ""
    name, field = _HISTOGRAMS[objective.signal]
    figures: Figures = state.window(seconds)
    histogram = getattr(figures, field)
    q = float(objective.target)
    value = histogram.quantile(q)
    if value is None or value <= objective.threshold or histogram.count < burn.long.good:
        return ""
    interval = histogram.quantile_interval(q)
    return (
        f"{name} {wording.quantile_name(q)} {wording.latency_with_interval(value, interval)}"
        f" > {wording.latency(objective.threshold)}"
    )


def _bad_share(objective: ObjectiveSettings, burn: Burn) -> str:
    what = _BAD_EVENTS.get(objective.signal, "bad events").format(threshold=objective.threshold_text)
    allowed = wording.share(float(objective.budget))
    return f"{what} {wording.share_with_interval(burn.long.bad, burn.long.total)} > {allowed}"


def window_text(objective: ObjectiveSettings, burn: Burn, state: State) -> str:
    """The long window, and how much of it is known as long as it is not filled: `40 s of 6 min`."""
    whole = wording.duration(burn.pair.long_seconds)
    known = state.known_seconds(objective.key, burn.pair.long_seconds)
    filled = known >= burn.pair.long_seconds or not burn.long.total
    return whole if filled else f"{wording.duration(known)} of {whole}"


def holding_message(standing: ObjectiveStanding, state: State) -> str:
    """`errors: 0.2 % bad of 4,210 over 1 h (allowed 1 %)`."""
    burn, title = standing.judged_over, titled(standing.objective)
    if burn is None or not burn.long.total:
        return f"{title}: no events"
    bad = wording.share(burn.long.bad / burn.long.total)
    allowed = wording.share(float(standing.objective.budget))
    window = window_text(standing.objective, burn, state)
    held = f"{title}: {bad} bad over {window} (n={wording.count(burn.long.total)}, allowed {allowed})"
    return ", ".join(filter(None, [held, standing.not_counted]))


def too_few_message(standing: ObjectiveStanding, state: State) -> str:
    """`errors (n=20 over 15 s of 3 d, a verdict needs 21)`."""
    burn, title = standing.judged_over, titled(standing.objective)
    if burn is None:
        return f"{title} (its target can reach no burn rate)"
    if standing.why_no_event:
        return f"{title} ({standing.why_no_event})"
    few = (
        f"n={wording.count(standing.events)} over {window_text(standing.objective, burn, state)},"
        f" a verdict needs {wording.count(standing.events_needed)}"
    )
    return f"{title} ({', '.join(filter(None, [few, standing.not_counted]))})"
