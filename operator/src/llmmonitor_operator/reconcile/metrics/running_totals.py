"""What a monitor's replicas have counted since this operator began to follow it: counters for `/metrics`.

Windows forget, and sums over the replicas that are there go back when one leaves; a Prometheus counter may do
neither. So differences are added up, as `gather.absorb` takes them. They begin at zero with the process, as
every counter does: what was known at the takeover is not counted again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from llmmonitor_api.report import merge
from llmmonitor_api.report.frequency import FrequencyTable
from llmmonitor_operator.figures import ABORTED, FAILED, NOT_JUDGED, OK, TRUNCATED, Figures, since, total
from llmmonitor_operator.state import Source, State
from llmmonitor_operator.windows import Count

OTHER = "other"
_OUTCOMES = frozenset({OK, ABORTED, "client_error"}) | FAILED | NOT_JUDGED
_TOKEN_SOURCES = frozenset({"usage", "token_ids", "logprobs", "counted", "none"})
_FINISH_REASONS = frozenset({"stop", TRUNCATED, "tool_calls", "content_filter", "error"})
"""Label values. A report may hold any others: their number must not grow with what a pod likes to send."""
_NOTHING = Figures()

Boots = Mapping[tuple[str, str], Source]
"""By pod UID and boot id."""


@dataclass(frozen=True, slots=True)
class RunningTotals:
    """Since the beginning; `RunningTotals.of(state)` begins at what `state` knows."""

    figures: Figures = _NOTHING
    objectives: Mapping[str, Count] = field(default_factory=dict)
    """By objective key; only of objectives that the spec has."""
    boots: Boots = field(default_factory=dict)
    """What was counted last."""

    @classmethod
    def of(cls, state: State) -> RunningTotals:
        """Zero, and from here on."""
        return cls(boots=_boots(state))

    def after(self, state: State) -> RunningTotals:
        """With what `state` holds beyond the one before it."""
        boots = _boots(state)
        parts = []
        objectives = {key: self.objectives.get(key, Count()) for key in state.events_at}
        for key, source in boots.items():
            before = self.boots.get(key) or _baseline(state, source)
            if before is source:
                continue
            parts.append(_bounded(_since(source, before)))
            for name, count in _counts_since(source, before):
                if name in objectives:
                    objectives[name] += count
        figures = total([self.figures, *parts]) if parts else self.figures
        return RunningTotals(figures, objectives, boots)


def _boots(state: State) -> Boots:
    return {(uid, boot.boot_id): boot for uid, pod in state.pods.items() for boot in pod.boots}


def _baseline(state: State, source: Source) -> Source | None:
    """A life that may have been counted before it was forgotten begins from where it is, as in `absorb`."""
    forgotten = state.forgotten_until is not None and source.started_at <= state.forgotten_until
    return source if forgotten else None


def _since(source: Source, before: Source | None) -> Figures:
    try:
        return since(source.figures, before.figures) if before else source.figures
    except merge.CountersWentBack:  # `absorb` refuses such a report; a counter must not count twice
        return _NOTHING


def _counts_since(source: Source, before: Source | None) -> Iterator[tuple[str, Count]]:
    for key, count in source.objectives.items():
        old = before.objectives.get(key, Count()) if before else Count()
        if count.good < old.good or count.bad < old.bad:
            old = Count()  # taken out and brought back by two changes of the configuration
        yield key, Count(count.good - old.good, count.bad - old.bad)


def _bounded(figures: Figures) -> Figures:
    """Only what is shown, by the label values that are known."""
    shown = msgspec.structs.replace(figures.interception, opaque_connections={}, malformed=FrequencyTable())
    reasons = figures.finish_reasons
    return msgspec.structs.replace(
        figures,
        outcomes=_folded(figures.outcomes, _OUTCOMES),
        token_sources=_folded(figures.token_sources, _TOKEN_SOURCES),
        finish_reasons=FrequencyTable(
            _folded({**reasons.counts, OTHER: reasons.counts.get(OTHER, 0) + reasons.other}, _FINISH_REASONS)
        ),
        interception=shown,
    )


def _folded(counts: Mapping[str, int], known: frozenset[str]) -> dict[str, int]:
    folded = {key: count for key, count in counts.items() if key in known}
    other = sum(count for key, count in counts.items() if key not in known)
    return folded | {OTHER: other} if other else folded
