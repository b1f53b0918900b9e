"""What a monitor's replicas have counted since this operator began to follow it: counters for `/metrics`.

Windows forget, and sums over the replicas that are there go back when one leaves; a Prometheus counter may do
neither. So differences are added up, as `gather.absorb` takes them. They begin at zero with the process, as
every counter does: what was known at the takeover is not counted again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from llmmonitor_api.interactions.kinds import BY_NAME, Origin
from llmmonitor_api.interactions.table import DETECTORS
from llmmonitor_api.report.frequency import FrequencyTable
from llmmonitor_api.report.requests import CHECKS
from llmmonitor_operator.figures import ABORTED, FAILED, NOT_JUDGED, NOTHING, OK, TRUNCATED, Figures
from llmmonitor_operator.gather.accumulate import Added
from llmmonitor_operator.interaction_counts import FOUND, NAMES, is_interaction
from llmmonitor_operator.packed_figures import NOTHING_PACKED, PackedFigures
from llmmonitor_operator.request_counts import ANY, TOO_LARGE, check_of
from llmmonitor_operator.windows import Count

OTHER = "other"
_OUTCOMES = frozenset({OK, ABORTED, "client_error"}) | FAILED | NOT_JUDGED
_TOKEN_SOURCES = frozenset({"usage", "token_ids", "logprobs", "counted", "none"})
_FINISH_REASONS = frozenset({"stop", TRUNCATED, "tool_calls", "content_filter", "error"})
_ENGINES_REASONS = frozenset(
    {"stop", TRUNCATED, "abort", "error", "unknown", "repetition", "timeout", "cancelled"}
)
_KINDS = frozenset(BY_NAME)
_DETECTORS = frozenset(one.name for one in DETECTORS)
FORMS = frozenset({"tool_call", "json"})
"""Label values. A report may hold any others: their number must not grow with what a pod likes to send."""


@dataclass(frozen=True, slots=True)
class RunningTotals:
    """Since the beginning."""

    packed: PackedFigures = NOTHING_PACKED
    objectives: Mapping[str, Count] = field(default_factory=dict)
    """By objective key; only of objectives that the spec has."""
    checks: Mapping[str, Count] = field(default_factory=dict)
    """Requests that pass and break each of the owner's checks; those to the newest version of the model."""

    @property
    def figures(self) -> Figures:
        """All of them, unpacked."""
        return self.packed.unpacked()

    def after(self, news: Added, keys: Iterable[str]) -> RunningTotals:
        """With what happened since.

        Args:
            news: as `gather.absorb` found it.
            keys: of the objectives that there are now.
        """
        objectives = {
            key: self.objectives.get(key, Count()) + news.counts.get(key, Count())
            for key in keys
            if not is_interaction(key)
        }
        checks = dict(self.checks)
        for key, count in news.counts.items():
            if (check := check_of(key)) in (ANY, TOO_LARGE, *CHECKS):
                checks[check] = checks.get(check, Count()) + count
        if news.figures == NOTHING:
            return RunningTotals(self.packed, objectives, checks)
        return RunningTotals(self.packed.plus(_bounded(news.figures)), objectives, checks)


def _bounded(figures: Figures) -> Figures:
    """Only what is shown, by the label values that are known."""
    shown = msgspec.structs.replace(figures.interception, opaque_connections={}, malformed=FrequencyTable())
    reasons = figures.finish_reasons
    return msgspec.structs.replace(
        figures,
        outcomes=_folded(figures.outcomes, _OUTCOMES),
        forms_checked=_folded(figures.forms_checked, FORMS),
        forms_malformed=_folded(figures.forms_malformed, FORMS),
        token_sources=_folded(figures.token_sources, _TOKEN_SOURCES),
        finish_reasons=FrequencyTable(
            _folded({**reasons.counts, OTHER: reasons.counts.get(OTHER, 0) + reasons.other}, _FINISH_REASONS)
        ),
        interception=shown,
        interactions=_known_interactions(figures.interactions),
        engine=msgspec.structs.replace(
            figures.engine, finished_requests=_folded(figures.engine.finished_requests, _ENGINES_REASONS)
        ),
    )


def _known_interactions(figures: Mapping[str, int]) -> dict[str, int]:
    """Of the kinds and detectors that this version knows, and a bounded number of owner's patterns."""
    return {name: n for name, n in figures.items() if name in NAMES or _is_known(name)}


def _is_known(name: str) -> bool:
    if not name.startswith(FOUND):
        return name.partition(":")[2] in _KINDS
    try:
        kind, detector, _, origin = json.loads(name.removeprefix(FOUND))
    except ValueError:
        return False
    return kind in _KINDS and detector in _DETECTORS and origin in tuple(Origin)


def _folded(counts: Mapping[str, int], known: frozenset[str]) -> dict[str, int]:
    folded = {key: count for key, count in counts.items() if key in known}
    other = sum(count for key, count in counts.items() if key not in known)
    return folded | {OTHER: other} if other else folded
