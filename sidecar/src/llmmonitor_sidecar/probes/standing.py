"""What this replica's probes have found: the rounds of the report, and the counts that add.

Results are put down by (round, version) as they come; a round that begins takes the place of the oldest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from llmmonitor_api.probe_plan import ProbePlan, ProbeSetting
from llmmonitor_api.report.canaries import CanaryRound
from llmmonitor_api.report.probing import (
    RESULTS_LIMIT,
    ROUNDS_LIMIT,
    PairOutcomes,
    ProbeCounts,
    ProbeResult,
    ProbeRound,
    Probing,
)
from llmmonitor_api.report.values import NAME_LIMIT


@dataclass(frozen=True, slots=True)
class Item:
    """One probe of a round."""

    suite: str
    """Empty: the owner's own."""
    setting: ProbeSetting


@dataclass(slots=True)
class Found:
    """One item's answers as they come."""

    item: Item
    passed: int = 0
    failed: int = 0
    unanswered: int = 0
    broken: str = ""

    def judged(self, broken: str) -> None:
        """An answer, and what it breaks."""
        if broken:
            self.failed += 1
            self.broken = broken[:NAME_LIMIT]
        else:
            self.passed += 1

    def missed(self, why: str) -> None:
        """No answer."""
        self.unanswered += 1
        self.broken = why[:NAME_LIMIT]

    @property
    def asked(self) -> int:
        """Repeats so far."""
        return self.passed + self.failed + self.unanswered

    @property
    def result(self) -> ProbeResult:
        """For the report."""
        return ProbeResult(
            name=self.item.setting.name,
            suite=self.item.suite,
            passed=self.passed,
            failed=self.failed,
            unanswered=self.unanswered,
            broken=self.broken,
        )


@dataclass(slots=True)
class Standing:
    """For the report of any moment."""

    counts: ProbeCounts = field(default_factory=ProbeCounts)
    plan: ProbePlan | None = None
    version: str = ""
    waits: str = ""
    message: str = ""
    unknown_suites: tuple[str, ...] = ()
    next_round: float = 0.0
    pairs: tuple[PairOutcomes, ...] = ()
    canaries: CanaryRound | None = None
    _rounds: list[ProbeRound] = field(default_factory=list)

    def forget(self) -> None:
        """Another plan: what was found by the old one is not said any more."""
        self._rounds.clear()
        self.waits, self.message, self.next_round = "", "", 0.0
        self.unknown_suites, self.pairs = (), ()

    def begin(self, started: float, version: str, items: int) -> None:
        """A round is on; the same again changes nothing."""
        if self._place(started, version) is None:
            self._rounds.append(ProbeRound(started=started, version=version[:NAME_LIMIT], items=items))
            del self._rounds[:-ROUNDS_LIMIT]

    def add(self, started: float, version: str, found: Found, now: float) -> None:
        """One item of a round is done."""
        place = self._place(started, version)
        if place is None:
            return
        one = self._rounds[place]
        if len(one.results) < RESULTS_LIMIT:
            results = (*one.results, found.result)
            self._rounds[place] = msgspec.structs.replace(one, results=results, ended=now)

    def _place(self, started: float, version: str) -> int | None:
        key = started, version[:NAME_LIMIT]
        for place, one in enumerate(self._rounds):
            if (one.started, one.version) == key:
                return place
        return None

    def count(self, **more: int) -> None:
        """Add to the counts."""
        now = {name: getattr(self.counts, name) + value for name, value in more.items()}
        self.counts = msgspec.structs.replace(self.counts, **now)

    @property
    def probing(self) -> Probing:
        """For the report; also without a plan, since it tells that this sidecar can take one."""
        plan = self.plan or ProbePlan(of=0)
        return Probing(
            plan=self.plan.digest if self.plan is not None else "",
            index=plan.index,
            of=plan.of,
            version=self.version[:NAME_LIMIT],
            waits=self.waits,
            message=self.message,
            unknown_suites=self.unknown_suites,
            next_round=self.next_round,
            rounds=tuple(self._rounds),
            pairs=self.pairs,
            canaries=self.canaries,
        )
