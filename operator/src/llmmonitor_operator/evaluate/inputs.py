"""What a condition is judged by, and what comes out: the signature that every evaluator shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from llmmonitor_api.conditions import Reason
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_operator.cost.standing import CostStanding
from llmmonitor_operator.evaluate.environment import Environment, ExpectedPod
from llmmonitor_operator.evaluate.objectives import ObjectiveStanding
from llmmonitor_operator.evaluate.window_sums import WindowSums
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.settings import Settings
from llmmonitor_operator.state import Held, Source, State


class PodStanding(msgspec.Struct, frozen=True):
    """One pod that should report, and what is known of it."""

    expected: ExpectedPod
    source: Source | None
    age_seconds: float | None
    """Of its newest report."""
    fresh: bool
    """Whether its newest report may be judged by."""
    waited_for: bool
    """Whether it is too young to have reported."""
    refused: str
    """Why its newest report was not taken."""

    @property
    def name(self) -> str:
        """For messages."""
        return self.expected.name or (self.source.pod_name if self.source else "") or self.expected.uid


class Verdict(msgspec.Struct, frozen=True):
    """A reason, which brings the status, and the message for a person."""

    reason: Reason
    message: str
    evidence_at: float | None = None
    """The newest evidence it rests on; None when it rests on what is so right now."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything an evaluator may look at."""

    settings: Settings
    state: State
    environment: Environment
    now: float
    pods: tuple[PodStanding, ...]
    objectives: tuple[ObjectiveStanding, ...]
    cost: CostStanding | None = None
    """None without a price."""
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    """Of the conditions judged before this one, by type."""
    held: Mapping[str, Held] = field(default_factory=dict)
    """While conditions are judged: their last verdicts, by type."""
    fresh: tuple[tuple[str, Source], ...] = ()
    """Name and newest report of every pod that may be judged by: `fresh_of` the pods."""
    sums: WindowSums = field(default_factory=WindowSums, compare=False, repr=False)
    windows: dict[float, Figures] = field(default_factory=dict, compare=False, repr=False)
    """What `window` has summed of `state`, by seconds."""

    def window(self, seconds: float) -> Figures:
        """`state.window` without histograms, summed once for all evaluators."""
        if seconds not in self.windows:
            self.windows[seconds] = self.sums.of(self.state, seconds, histograms=False)
        return self.windows[seconds]

    def window_with_histograms(self, seconds: float) -> Figures:
        """`state.window`: only the status document shows them, so nothing holds on to it."""
        return self.sums.of(self.state, seconds)


def fresh_of(pods: tuple[PodStanding, ...]) -> tuple[tuple[str, Source], ...]:
    """Name and newest report of those that may be judged by."""
    return tuple((pod.name, pod.source) for pod in pods if pod.fresh and pod.source)


Judge = Callable[[Inputs], Verdict]


def without_pods(inputs: Inputs) -> Verdict | None:
    """The verdict of a monitor in a cluster that has no pod, by why it has none; None if it has one."""
    environment = inputs.environment
    if not environment.cluster or inputs.pods:
        return None
    if not environment.spec_in_force:
        return Verdict(shared.NO_SPEC_IN_FORCE, "not known which pods it is for: see Ready")
    if environment.conflict:
        return Verdict(shared.PODS_OF_OLDER_MONITOR, f"{environment.conflict}: see Ready")
    words = ["the selector matches no running pod", environment.contradiction]
    return Verdict(shared.NO_MATCHING_PODS, "; ".join(filter(None, words)))


def nothing_to_judge_by(inputs: Inputs) -> Verdict | None:
    """The verdict when there is no pod or no fresh report, else None."""
    if nothing := without_pods(inputs):
        return nothing
    if not inputs.fresh:
        waiting = all(pod.waited_for for pod in inputs.pods)
        return Verdict(
            shared.NO_REPORTS,
            "waiting for the first report" if waiting else "no sidecar has a fresh report: see Reporting",
        )
    return None
