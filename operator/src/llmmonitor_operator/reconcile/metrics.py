"""The operator's own metrics, and the merged figures of its monitors."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from llmmonitor_operator.evaluate.evaluation import Evaluation
from llmmonitor_operator.state import State

Monitor = tuple[str, str]
"""Namespace and name."""


class OperatorMetrics:
    """Everything that `/metrics` shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)

    def begin(self, monitor: Monitor, state: State) -> None:
        """What was known of it at the takeover: not counted again."""
        raise NotImplementedError

    def judged(self, monitor: Monitor, evaluation: Evaluation, now: float) -> None:
        """One evaluation was done, and its status is known."""
        raise NotImplementedError

    def forget(self, monitor: Monitor) -> None:
        """It is gone, and so are its series."""
        raise NotImplementedError

    def pulled(self, result: str) -> None:
        """One report was asked for."""
        raise NotImplementedError

    def pushed(self, result: str) -> None:
        """One configuration was sent."""
        raise NotImplementedError

    def attached(self, result: str) -> None:
        """One pod was to be attached to."""
        raise NotImplementedError

    def status_written(self, result: str) -> None:
        """One status was written or failed to be."""
        raise NotImplementedError

    def event_emitted(self, result: str) -> None:
        """One Event was written or failed to be."""
        raise NotImplementedError

    def checkpoint_saved(self, result: str) -> None:
        """One checkpoint was saved or failed to be."""
        raise NotImplementedError

    def passed(self, seconds: float) -> None:
        """One reconcile pass over one monitor took so long."""
        raise NotImplementedError

    def leads(self, leading: bool) -> None:  # noqa: FBT001 - what it is
        """Whether this process leads."""
        raise NotImplementedError
