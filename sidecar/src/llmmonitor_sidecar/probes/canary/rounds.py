"""When canaries are asked, and what the last round of them gave.

Some rounds soon after each other at first, since a witness must know its own variance, then one with every
round of probes. A round that differs from the one before is soon followed by another: two in a row count.
"""

from __future__ import annotations

from llmmonitor_api.probe_plan import ProbePlan
from llmmonitor_api.report.canaries import CanaryPrint, CanaryRound, distance
from llmmonitor_api.report.values import NAME_LIMIT
from llmmonitor_sidecar.probes.canary.prompts import PROMPTS, SUITE

SOON_SECONDS = 300.0
FIRST_ROUNDS = 3
"""Of a version of the model, SOON_SECONDS apart."""
WITHOUT_SCHEDULE_SECONDS = 3600.0
PATIENCE_SECONDS = 600.0
"""How long a round waits for a moment with nothing in flight; then it goes as other probes do."""
WORTH_ANOTHER = 0.01
"""A distance from the round before that another round is soon worth."""
_REFUSALS = ("HTTP 400", "HTTP 422")
"""Of a server that gives no likelihoods, or not so many."""


class CanaryRounds:
    """Of one replica.

    Attributes:
        last: the newest whole round; None before one.
        likelihoods: whether the server gives them, as far as is known.
    """

    def __init__(self) -> None:
        self.last: CanaryRound | None = None
        self.likelihoods = True
        self._version = ""
        self._begun = 0
        self._due_at = 0.0
        self._waits_since = 0.0
        self._prints: list[CanaryPrint] = []

    def configure(self, plan: ProbePlan | None) -> None:
        """Another version of the model is asked at once; what it is called decides nothing else."""
        version = plan.version if plan is not None else ""
        if version and version != self._version:
            self._version, self._begun, self._due_at = version, 0, 0.0
            self._prints = []

    def due(self, now: float) -> int | None:
        """The number of the prompt to ask next; None: none now (Unix seconds)."""
        if now < self._waits_since:  # the clock was ahead: it is waited for as long, and not for its return
            self._wait(now, self._due_at - self._waits_since)
        return len(self._prints) if now >= self._due_at else None

    def is_patient(self, now: float) -> bool:
        """Whether the round can wait for a moment with nothing in flight."""
        return bool(self._due_at) and now < self._due_at + PATIENCE_SECONDS

    def put(self, one: CanaryPrint, plan: ProbePlan, now: float) -> None:
        """The answer to the prompt that was due; an empty one where none came."""
        self._prints.append(one)
        if len(self._prints) < len(PROMPTS):
            return
        prints, self._prints = tuple(self._prints), []
        if self.likelihoods and not any(each.tokens for each in prints):
            self.likelihoods = False  # the server gives none: the next round goes by the text
            self._wait(now, 0.0)
            return
        apart = distance(self.last.prints, prints) if self.last is not None else None
        self.last = CanaryRound(now, SUITE, self._version[:NAME_LIMIT], prints)
        self._begun += 1
        often = self._begun < FIRST_ROUNDS or (apart is not None and apart > WORTH_ANOTHER)
        seconds = SOON_SECONDS if often else plan.schedule_seconds or WITHOUT_SCHEDULE_SECONDS
        self._wait(now, seconds)

    def missed(self, why: str, now: float) -> None:
        """No answer came: the round begins anew, after a while or in another way."""
        self._prints = []
        if self.likelihoods and why in _REFUSALS:
            self.likelihoods = False
        else:
            self._wait(now, SOON_SECONDS)

    def _wait(self, now: float, seconds: float) -> None:
        self._waits_since, self._due_at = now, now + seconds
