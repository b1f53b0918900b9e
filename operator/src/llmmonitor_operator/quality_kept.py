"""What is kept of probes: the newest rounds, put together of all replicas, and what they are held against.

`gather/probes.py` adds reports, `evaluate/quality.py` judges. Counts only, bounded by what a report may hold.
"""

from __future__ import annotations

import msgspec

ROUNDS_LIMIT = 4
PAIRS_LIMIT = 24
"""Attributes by versions."""


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """One probe's repeats in one round."""

    passed: int = 0
    failed: int = 0
    unanswered: int = 0
    broken: str = ""

    @property
    def judged(self) -> int:
        """Repeats with an answer."""
        return self.passed + self.failed

    @property
    def passes(self) -> bool:
        """Whether most repeats with an answer met the expectation."""
        return self.passed > self.failed


class Round(msgspec.Struct, frozen=True):
    """One round of one plan and version."""

    started: float
    """Its name, Unix seconds; 0 without a schedule."""
    version: str
    plan: str
    items: int
    ended: float = 0.0
    results: dict[str, Outcome] = {}
    """By `key_of`."""

    @property
    def complete(self) -> bool:
        """Whether everything was asked."""
        return len(self.results) >= self.items


class PairsKept(msgspec.Struct, frozen=True):
    """What came of the counterfactual pairs of one attribute, of one version and suite."""

    attribute: str
    version: str
    suite_version: int
    groups: tuple[str, str]
    outcomes: str
    """A letter for each scenario; see `report.probing`."""


class QualityKept(msgspec.Struct, frozen=True):
    """Everything; `QualityKept()` before any probe."""

    rounds: tuple[Round, ...] = ()
    """Plan after plan, by when they began and ended, the newest last."""
    baseline: Round | None = None
    """The last complete round of the version before; of the first version, its own first."""
    pairs: tuple[PairsKept, ...] = ()
    """At most `PAIRS_LIMIT`, those heard of last at the end."""


def key_of(suite: str, name: str) -> str:
    """Of a probe; the owner's have no suite. Neither part can have a slash in it."""
    return f"{suite}/{name}"


def suite_of(key: str) -> str:
    """Empty: the owner's own."""
    return key.partition("/")[0]
