"""What the operator does with reports, for one sidecar and without a cluster: absorb, evaluate, remember.

Pure but for its own state: reports and the time are given to it. The same functions judge as in the cluster,
so the same file gives the same conditions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from llmmonitor_api.conditions import Condition
from llmmonitor_api.report.report import Live, Report
from llmmonitor_api.spec import LLMMonitor
from llmmonitor_cli.describe import Event, describe
from llmmonitor_operator.evaluate import Environment, Evaluation, ExpectedPod, evaluate
from llmmonitor_operator.gather.absorb import absorb
from llmmonitor_operator.state import State

EVENTS_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Watched:
    """Whom the reports are of."""

    pod_uid: str
    name: str
    since: float
    """Unix seconds from which on it could have reported."""


class Monitoring:
    """One monitor, one sidecar, and what has been found so far."""

    def __init__(self, monitor: LLMMonitor, manifest: Mapping[str, Any], watched: Watched) -> None:
        self._monitor = monitor
        self._manifest = manifest
        self._watched = watched
        self._state = State()
        self._evaluation: Evaluation | None = None
        self.events: deque[Event] = deque(maxlen=EVENTS_LIMIT)
        self.live: Live | None = None
        self.problem = ""
        """Why the newest report is missing, in words."""

    def absorb(self, report: Report, now: float) -> None:
        """Add a report."""
        self._state = absorb(self._state, report, now, pod_uid=self._watched.pod_uid)
        self.live, self.problem = report.live, ""

    def missed(self, problem: str) -> None:
        """No report came; `problem` says why."""
        self.live, self.problem = None, problem

    def evaluate(self, now: float) -> tuple[Event, ...]:
        """Judge what is known at `now` (Unix seconds); gives what changed."""
        watched = self._watched
        pod = ExpectedPod(
            uid=watched.pod_uid, name=watched.name, expected_since=watched.since, unreachable=self.problem
        )
        self._evaluation = evaluate(self._monitor, self._state, now, Environment(cluster=False, pods=(pod,)))
        self._state = self._evaluation.state
        at = datetime.fromtimestamp(now, UTC)
        changed = tuple(Event(one.type, one.reason, one.message, at) for one in self._evaluation.transitions)
        self.events.extend(changed)
        return changed

    @property
    def status(self) -> dict[str, Any]:
        """The status document; empty before the first evaluation."""
        return self._evaluation.status if self._evaluation else {}

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All conditions as of the last evaluation."""
        return self._evaluation.conditions if self._evaluation else ()

    def resource(self) -> dict[str, Any]:
        """The LLMMonitor with its status, as the API server would give it."""
        metadata = {"namespace": self._monitor.metadata.namespace, **self._manifest["metadata"]}
        return {**self._manifest, "metadata": metadata, "status": self.status}

    def describe(self, now: float) -> str:
        """The text of `kubectl describe`."""
        return describe(self.resource(), list(self.events), datetime.fromtimestamp(now, UTC))
