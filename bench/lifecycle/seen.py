"""What the bench of the cluster has seen: seconds by figure and subject, and the rows made of them. Pure.

A round in which something did not come is not left out silently: it counts as a failure, and the figure's n
is smaller by one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.comparison import AGAIN, Measured, Target

INSTALLED = "llm-monitor"
"""The subject: the release as the chart installs it."""


@dataclass(slots=True)
class Seen:
    """Filled round by round; what is in it counts, whatever becomes of later rounds."""

    values: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    """Seconds by figure and subject; nan for what did not come."""
    failures: Counter[str] = field(default_factory=Counter)

    def took(self, figure: str, subject: str, seconds: float | None) -> None:
        """Note one round's value; None: it did not come in time."""
        if seconds is None:
            self.failures[f"{figure}, {subject}: not in time"] += 1
        self.values.setdefault((figure, subject), []).append(math.nan if seconds is None else seconds)

    def of(self, figure: str) -> dict[str, list[float]]:
        """The values of one figure by subject."""
        return {subject: values for (name, subject), values in self.values.items() if name == figure}


def limit_name(seconds: float) -> str:
    """What a target is called that is a number of seconds."""
    return f"{seconds:g} s"


def against_limit(
    figure: str, values: Mapping[str, Sequence[float]], subjects: Sequence[str], seconds: float, note: str
) -> Measured:
    """The figure of some subjects beside a number of seconds that none of them should exceed."""
    limit = limit_name(seconds)
    rounds = max((len(values[subject]) for subject in subjects if subject in values), default=0)
    found = {subject: _padded(values[subject], rounds) for subject in subjects if subject in values}
    return Measured(
        figure,
        "s",
        {**found, limit: [seconds] * rounds},
        [Target(subject, limit, 1.0) for subject in subjects],
        note=note,
    )


def side_by_side(figure: str, values: Mapping[str, Sequence[float]], ours: str, peer: str) -> Measured:
    """The figure of two subjects that took turns, with the second one's A/A row; no target."""
    rounds = max((len(one) for one in values.values()), default=0)
    found = {
        subject: _padded(values[subject], rounds)
        for subject in (ours, peer, f"{peer}{AGAIN}")
        if subject in values
    }
    return Measured(figure, "s", found, [Target(ours, peer)])


def added(values: Mapping[str, Sequence[float]], ours: str, peer: str) -> list[float]:
    """How much more one subject took than the other in each round that has both."""
    return [own - other for own, other in zip(values.get(ours, ()), values.get(peer, ()), strict=False)]


def _padded(values: Sequence[float], rounds: int) -> list[float]:
    """A part that ended early may have a value of one subject more than of another."""
    return [*values, *([math.nan] * (rounds - len(values)))]
