"""How the probes stand, by the rounds that are known: for the condition, the status and the metrics.

A suite's share of passed items has its Wilson interval over the items that were answered: repeats of one
question are no sample. Against the baseline each item is paired with itself: of the items that changed, as
many must have got worse as better, by the exact sign test (Dixon, Mood 1946).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.agreement import Agreement, agreement_of, is_labelled
from llmmonitor_operator.quality_kept import Outcome, QualityKept, Round, suite_of
from llmmonitor_operator.settings import QualitySettings

REGRESSED_P = 0.01
"""One-sided; in two rounds in a row, where there are two."""


@dataclass(frozen=True, slots=True)
class SuiteStanding:
    """One suite in one round."""

    name: str
    passed: int
    judged: int
    """Items with an answer."""
    items: int

    @property
    def interval(self) -> tuple[float, float]:
        """Of the share that passes, 95 %."""
        return wording.wilson_interval(self.passed, self.judged) if self.judged else (0.0, 1.0)

    def fails(self, least: float) -> bool:
        """Whether it is sure that less than `least` of its items pass."""
        return self.interval[1] < least

    @property
    def words(self) -> str:
        """`arithmetic 9 of 10 (60-98 %)`."""
        low, high = (wording.number(100 * end, 2) for end in self.interval)
        return f"{self.name} {self.passed} of {self.judged} ({low}–{high} %)"  # noqa: RUF001 - a range


@dataclass(frozen=True, slots=True)
class Change:
    """Items that changed between two rounds."""

    worse: int
    better: int
    same: int

    @property
    def p(self) -> float:
        """That as many or more got worse, were both as likely."""
        n = self.worse + self.better
        return sum(math.comb(n, k) for k in range(self.worse, n + 1)) / 2**n if n else 1.0

    @property
    def words(self) -> str:
        """`7 of 64 items got worse and 0 better (p=0.008)`."""
        every = self.worse + self.better + self.same
        return f"{self.worse} of {every} items got worse and {self.better} better (p={self.p:.2g})"


@dataclass(frozen=True, slots=True)
class ProbesStanding:
    """All of the newest complete round; `round` None before one."""

    round: Round | None
    under_way: Round | None
    """A newer one that is not complete."""
    own: Mapping[str, Outcome]
    """The owner's probes, by name."""
    suites: tuple[SuiteStanding, ...]
    baseline: Round | None
    change: Change | None
    regressed: bool
    agreement: Agreement | None = None
    """Of the judge with people; None without a judge."""
    untrusted: Mapping[str, Outcome] = field(default_factory=dict)
    """The owner's probes that a judge graded who may not be trusted: they decide nothing."""

    @property
    def answers(self) -> int:
        """Items with an answer in the round."""
        return sum(1 for one in self.round.results.values() if one.judged) if self.round else 0


def probes_standing(settings: QualitySettings, kept: QualityKept) -> ProbesStanding:
    """By the rounds of the plan that is in force."""
    rounds = [one for one in kept.rounds if one.plan == settings.digest]
    complete = [one for one in rounds if one.complete]
    newest = complete[-1] if complete else None
    under_way = rounds[-1] if rounds and not rounds[-1].complete else None
    if newest is None:
        return ProbesStanding(None, under_way, {}, (), None, None, regressed=False)
    baseline = kept.baseline if kept.baseline and kept.baseline.plan == newest.plan else None
    if baseline is not None and _is(baseline, newest):
        baseline = None
    agreement = agreement_of(newest.results, settings.judge_least) if settings.judged else None
    ignored = frozenset() if agreement is None or agreement.trusted else settings.judged
    change = change_of(baseline, newest, ignored) if baseline is not None else None
    own = {key.partition("/")[2]: one for key, one in newest.results.items() if not suite_of(key)}
    return ProbesStanding(
        round=newest,
        under_way=under_way,
        own={name: one for name, one in own.items() if name not in ignored},
        untrusted={name: one for name, one in own.items() if name in ignored},
        agreement=agreement,
        suites=_suites(newest),
        baseline=baseline,
        change=change,
        regressed=_regressed(
            settings, baseline, [one for one in complete if one.version == newest.version], ignored
        ),
    )


def change_of(before: Round, after: Round, ignored: AbstractSet[str] = frozenset()) -> Change:
    """Items with an answer in both, but for the owner's probes of these names."""
    keys = {
        key
        for key in before.results.keys() & after.results.keys()
        if not is_labelled(key) and (suite_of(key) or key.partition("/")[2] not in ignored)
    }
    both = [(before.results[key], after.results[key]) for key in keys]
    both = [(old, new) for old, new in both if old.judged and new.judged]
    worse = sum(old.passes and not new.passes for old, new in both)
    better = sum(new.passes and not old.passes for old, new in both)
    return Change(worse, better, len(both) - worse - better)


def _regressed(
    settings: QualitySettings, baseline: Round | None, rounds: list[Round], ignored: AbstractSet[str]
) -> bool:
    if baseline is None or settings.plan is None:
        return False
    needed = 2 if settings.plan.schedule_seconds is not None else 1
    judged = [one for one in rounds[-needed:] if not _is(baseline, one)]
    return len(judged) == needed and all(change_of(baseline, one, ignored).p < REGRESSED_P for one in judged)


def _is(one: Round, other: Round) -> bool:
    return (one.started, one.version, one.plan) == (other.started, other.version, other.plan)


def _suites(one: Round) -> tuple[SuiteStanding, ...]:
    found: dict[str, list[Outcome]] = {}
    for key, outcome in one.results.items():
        if (suite := suite_of(key)) and not is_labelled(key):
            found.setdefault(suite, []).append(outcome)
    return tuple(
        SuiteStanding(
            name,
            passed=sum(one.judged > 0 and one.passes for one in outcomes),
            judged=sum(one.judged > 0 for one in outcomes),
            items=len(outcomes),
        )
        for name, outcomes in sorted(found.items())
    )
