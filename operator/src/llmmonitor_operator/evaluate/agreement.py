"""Whether a judging model may be trusted: how far it agrees with people on answers that they have judged.

By balanced accuracy, the mean of the shares of good and of bad answers that it calls so: a judge that likes
everything has 50 % of it, however few bad answers there are. Its 95 % interval is put together of the Wilson
intervals of both shares (MOVER: Zou, Donner 2008; Newcombe 1998), which holds its level for some dozens of
answers and does not shrink to nothing where all agree. A round grades the same answers again: only the newest
counts, since repeats are no sample.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from llmmonitor_api.report.probing import GRADED_BAD, GRADED_GOOD
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.quality_kept import Outcome, suite_of

FEWEST = 10
"""Of each kind."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a judge made of answers that people had called good or bad."""

    good: int
    """Good ones that it graded,"""
    good_right: int
    """and called good."""
    bad: int
    bad_right: int
    least: float
    """What the lower bound has to reach."""

    @property
    def value(self) -> float | None:
        """Balanced accuracy; None before there are both kinds."""
        if not self.good or not self.bad:
            return None
        return (self.good_right / self.good + self.bad_right / self.bad) / 2

    @property
    def interval(self) -> tuple[float, float]:
        """Of it, 95 %."""
        if not self.good or not self.bad:
            return 0.0, 1.0
        below = above = middle = 0.0
        for right, many in ((self.good_right, self.good), (self.bad_right, self.bad)):
            low, high = wording.wilson_interval(right, many)
            middle += right / many / 2
            below += ((right / many - low) / 2) ** 2
            above += ((high - right / many) / 2) ** 2
        return max(0.0, middle - math.sqrt(below)), min(1.0, middle + math.sqrt(above))

    @property
    def trusted(self) -> bool:
        """Whether its grades count."""
        return min(self.good, self.bad) >= FEWEST and self.interval[0] >= self.least

    @property
    def words(self) -> str:
        """`the judge agrees with people in 92 % (81-97) of 24 good and 20 bad answers (at least 75 %)`."""
        labelled = f"{wording.count(self.good)} good and {wording.counted(self.bad, 'bad answer')}"
        if self.value is None or min(self.good, self.bad) < FEWEST:
            return f"the judge graded {labelled} that people judged; {FEWEST} of each are needed"
        low, high = (wording.number(100 * end, 2) for end in self.interval)
        verdict = "agrees" if self.trusted else "agrees too little"
        share = f"{wording.share(self.value)} ({low}–{high})"  # noqa: RUF001 - a range
        return (
            f"the judge {verdict} with people: {share} of {labelled} (at least {wording.share(self.least)})"
        )


def agreement_of(results: Mapping[str, Outcome], least: float) -> Agreement:
    """By the results of one round."""
    good = [one for key, one in results.items() if suite_of(key) == GRADED_GOOD and one.judged]
    bad = [one for key, one in results.items() if suite_of(key) == GRADED_BAD and one.judged]
    return Agreement(
        good=len(good),
        good_right=sum(one.passes for one in good),
        bad=len(bad),
        bad_right=sum(not one.passes for one in bad),
        least=least,
    )


def is_labelled(key: str) -> bool:
    """Whether a result is of an answer that people judged, and says nothing of the model."""
    return suite_of(key) in {GRADED_GOOD, GRADED_BAD}
