"""How the outcomes of live traffic stand against their limits: for QualityHealthy, and for the status.

Each is a share with its 95 % Wilson interval. It is beyond its limit when the whole interval is, and stays so
until the share itself is back within: a share at its limit must not turn the condition with every report.
People give feedback as they please, and some of it twice: the message says of how many answers there is any,
and takes what was replaced from what was given. Each version of the model is judged by what was made of its
own answers: with a change the counts begin anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from llmmonitor_api.conditions import reasons_content as reasons
from llmmonitor_api.conditions import table
from llmmonitor_api.report.live_outcomes import NEGATIVE, NEUTRAL, POSITIVE
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict
from llmmonitor_operator.evaluate.versions import begun_within
from llmmonitor_operator.outcomes_kept import GIVEN, WITHDRAWN, OutcomesKept
from llmmonitor_operator.settings import OutcomeSettings
from llmmonitor_operator.state import State

FEWEST = 20
"""Fewer are not judged: one person's mood."""
_REASONS = frozenset(one.name for one in (reasons.OUTCOMES_POOR, reasons.OUTCOMES_HOLD, reasons.FEW_OUTCOMES))
_ROUNDING = 1e-9
FEEDBACK, REGENERATED, REPHRASED, STOPPED = "positive feedback", "regenerated", "rephrased", "stopped"


@dataclass(frozen=True, slots=True)
class OutcomeStanding:
    """One outcome within the window."""

    name: str
    seen: int
    of: int
    limit: float | None = None
    """None: it is not judged."""
    at_least: bool = False
    """Whether the limit is the least that is good, not the most."""
    was_poor: bool = False

    @property
    def interval(self) -> tuple[float, float]:
        """Of the share, 95 %."""
        return wording.wilson_interval(self.seen, self.of) if self.of else (0.0, 1.0)

    @property
    def judged(self) -> bool:
        """Whether there is a limit, and enough to judge by."""
        return self.limit is not None and self.of >= FEWEST

    @property
    def poor(self) -> bool:
        """Whether it is beyond its limit."""
        if self.limit is None or not self.judged:
            return False
        low, high = self.interval
        if self.was_poor:
            low = high = self.seen / self.of
        return high < self.limit - _ROUNDING if self.at_least else low > self.limit + _ROUNDING

    @property
    def words(self) -> str:
        """`regenerated 12 % (9.8-15) of 812 (at most 5 %)`."""
        known = wording.share_with_interval(self.seen, self.of) if self.of else "not known"
        share = f"{self.name} {known} of {wording.count(self.of)}"
        if self.limit is None:
            return share
        return f"{share} ({'at least' if self.at_least else 'at most'} {wording.share(self.limit)})"


@dataclass(frozen=True, slots=True)
class OutcomesStanding:
    """All of them."""

    outcomes: tuple[OutcomeStanding, ...]
    window_seconds: float
    rated_of_answers: OutcomeStanding
    """Answers that feedback was given of, of those that bore an id; some are rated later than they came."""
    compared_of_requests: OutcomeStanding
    """Requests of which it could be told whether they ask again."""
    of_version: str = ""
    """Whose they are, while it is younger than the window."""

    def get(self, name: str) -> OutcomeStanding:
        """The one of that name."""
        return next(one for one in self.outcomes if one.name == name)


def outcomes_standing(inputs: Inputs) -> OutcomesStanding | None:
    """None where the owner does not ask for outcomes."""
    settings = inputs.settings.quality.outcomes
    if settings is None:
        return None
    standing = _standing(settings, inputs.state.outcomes, inputs.now)
    return replace(standing, of_version=begun_within(inputs, settings.window_seconds))


def _standing(settings: OutcomeSettings, kept: OutcomesKept, now: float) -> OutcomesStanding:
    counts = kept.window(settings.window_seconds, now)
    said = {verdict: _net(counts, verdict) for verdict in (POSITIVE, NEUTRAL, NEGATIVE)}
    found = (
        (FEEDBACK, said[POSITIVE], sum(said.values()), settings.min_positive),
        (REGENERATED, counts.get("regenerated", 0), counts.get("compared", 0), settings.max_regenerated),
        (REPHRASED, counts.get("rephrased", 0), counts.get("followed", 0), settings.max_rephrased),
        (STOPPED, counts.get("stopped", 0), counts.get("begun", 0), settings.max_stopped),
    )
    return OutcomesStanding(
        outcomes=tuple(
            OutcomeStanding(name, min(seen, of), of, limit, name == FEEDBACK, name in kept.poor)
            for name, seen, of, limit in found
        ),
        window_seconds=settings.window_seconds,
        rated_of_answers=_share(counts, "rated", "identified"),
        compared_of_requests=_share(counts, "compared", "requests"),
    )


def _share(counts: Mapping[str, int], name: str, of: str) -> OutcomeStanding:
    return OutcomeStanding(name, min(counts.get(name, 0), counts.get(of, 0)), counts.get(of, 0))


def _net(counts: Mapping[str, int], verdict: str) -> int:
    """Feedback that still stands; of what was given before the window more may be replaced than is given."""
    return max(0, counts.get(GIVEN + verdict, 0) - counts.get(WITHDRAWN + verdict, 0))


def begun_anew(state: State) -> State:
    """The state without what was made of answers of versions before, and a verdict by it."""
    held = state.held.get(table.QUALITY_HEALTHY.name)
    by_outcomes = held is not None and held.reason in _REASONS
    return msgspec.structs.replace(
        state,
        outcomes=OutcomesKept(),
        held={
            kind: one
            for kind, one in state.held.items()
            if not (by_outcomes and kind == table.QUALITY_HEALTHY.name)
        },
    )


def remembered(kept: OutcomesKept, settings: OutcomeSettings | None, now: float) -> OutcomesKept:
    """What is kept, with which outcomes are beyond their limits now; the same object if nothing changes."""
    poor: tuple[str, ...] = ()
    if settings is not None:
        poor = tuple(one.name for one in _standing(settings, kept, now).outcomes if one.poor)
    return kept if poor == kept.poor else msgspec.structs.replace(kept, poor=poor)


def with_outcomes(probes: Verdict | None, inputs: Inputs) -> Verdict:
    """The verdict of probes with that of outcomes.

    Args:
        probes: None where there are none; then outcomes have a limit.
        inputs: what is judged by.
    """
    standing = outcomes_standing(inputs)
    limited = [one for one in standing.outcomes if one.limit is not None] if standing is not None else []
    if standing is None or not limited:
        return probes or Verdict(reasons.FEW_OUTCOMES, "no outcome has a limit")
    poor = [one for one in limited if one.poor]
    words = _words(standing, poor or limited)
    if probes is not None and (not poor or probes.reason.status == "False"):
        return Verdict(probes.reason, f"{probes.message}; {words}", probes.evidence_at)
    if poor:
        more = f"; {probes.message}" if probes is not None else ""
        return Verdict(reasons.OUTCOMES_POOR, words + more)
    if not any(one.judged for one in limited):
        return Verdict(reasons.FEW_OUTCOMES, f"{words}; {FEWEST} of one are judged")
    return Verdict(reasons.OUTCOMES_HOLD, words)


def _words(standing: OutcomesStanding, shown: list[OutcomeStanding]) -> str:
    parts = [one.words for one in shown]
    if any(one.name == FEEDBACK for one in shown):
        rated = standing.rated_of_answers
        answers = wording.counted(rated.of, "answer")
        share = f"{wording.share(rated.seen / rated.of)} of {answers} rated" if rated.of else ""
        parts.append(share or "no answer had an id to be rated by")
    of_version = f" of {standing.of_version}" if standing.of_version else ""
    return f"over {wording.duration(standing.window_seconds)}{of_version}: {'; '.join(parts)}"
