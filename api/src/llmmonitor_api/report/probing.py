"""What probes found, in a report: counts by probe and round, never a word of a question or an answer.

A round's results are said again in every report while it is among the last `ROUNDS_LIMIT`, so that a report
lost or read twice changes nothing. Replicas ask different things of one round; readers put them together.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from llmmonitor_api.report.canaries import CanaryRound
from llmmonitor_api.report.values import Count, Moment, Name, Text

RESULTS_LIMIT = 256
"""Of one round: 50 probes of the owner's and every built-in suite."""
ROUNDS_LIMIT = 2


GRADED_GOOD, GRADED_BAD = "judge:good", "judge:bad"
"""Suites of answers that people called so: an item passed if the judge called it good."""


class ProbeCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of all probes sent so far; adds over time and replicas."""

    begun: Count = 0
    answered: Count = 0
    unanswered: Count = 0
    """Refused, failed or out of time: what the engine made of them is not known."""
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    """As the model server said in its answers."""
    uncounted: Count = 0
    """Answered without saying its tokens."""

    @property
    def ended(self) -> int:
        """However they ended."""
        return self.answered + self.unanswered


class ProbeResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """One probe in one round."""

    name: Name
    suite: Name = ""
    """Empty: the owner's own."""
    passed: Count = 0
    """Repeats that met the expectation."""
    failed: Count = 0
    unanswered: Count = 0
    """Repeats that brought no answer to judge."""
    broken: Name = ""
    """Which expectation the last bad one broke, or why there was no answer; in fixed words and figures."""

    @property
    def judged(self) -> int:
        """Repeats with an answer."""
        return self.passed + self.failed


class ProbeRound(msgspec.Struct, frozen=True, omit_defaults=True):
    """What this replica asked in one round."""

    started: Moment
    """Unix seconds; the round's name, the same at all replicas."""
    version: Name
    """The model as the sidecar tells it from others."""
    items: Count
    """Probes in the whole round, at all replicas."""
    ended: Moment = 0.0
    """The last answer so far."""
    results: Annotated[tuple[ProbeResult, ...], msgspec.Meta(max_length=RESULTS_LIMIT)] = ()


NOT_ASKED = "."
UNDECIDED = "?"
"""An answer is missing, or neither yes nor no."""
NOTHING_CHANGED = "0"
CONTROL_CHANGED = "c"
"""With other words for the same group, and not with the other group."""
BOTH_CHANGED = "b"
TO_FIRST_GROUP, TO_SECOND_GROUP = "+", "-"
"""With the other group alone; in whose favour."""
SCENARIOS_LIMIT = 512


class PairOutcomes(msgspec.Struct, frozen=True):
    """What came of the counterfactual pairs of one attribute, so far and of one version."""

    attribute: Name
    version: Name
    suite_version: Count
    groups: tuple[Name, Name]
    outcomes: Annotated[str, msgspec.Meta(max_length=SCENARIOS_LIMIT, pattern="^[.?0cb+-]*$")]
    """A letter for each scenario, in the order of the suite."""


class Probing(msgspec.Struct, frozen=True, omit_defaults=True):
    """How this replica's probes stand."""

    plan: Name = ""
    """`ProbePlan.digest` of what is in force; empty: none."""
    index: Count = 0
    of: Count = 0
    version: Name = ""
    """The model as it is now; empty while that is not known."""
    waits: Name = ""
    """Why the next one is not sent, of `Waits`; empty while nothing is in the way."""
    message: Text = ""
    """The same in words."""
    unknown_suites: Annotated[tuple[Name, ...], msgspec.Meta(max_length=20)] = ()
    next_round: Moment = 0.0
    """Unix seconds; 0: when the model changes."""
    rounds: Annotated[tuple[ProbeRound, ...], msgspec.Meta(max_length=ROUNDS_LIMIT)] = ()
    """The newest last."""
    pairs: Annotated[tuple[PairOutcomes, ...], msgspec.Meta(max_length=16)] = ()
    """By attribute, of the version that is asked now."""
    canaries: CanaryRound | None = None
    """The newest whole round; None before one."""


UNAUTHORIZED = "unauthorized"
UNSUPPORTED = "unsupported"
SATURATED = "saturated"
BUDGET = "budget"
NOT_READY = "not_ready"
"""What `Probing.waits` may be."""
