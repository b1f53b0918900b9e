"""Which function judges which condition. The summary comes last: it is judged by the others' verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llmmonitor_api.conditions import ConditionType, table
from llmmonitor_operator.evaluate import (
    budget,
    drift,
    gpu_visible,
    healthy,
    injected,
    interactions,
    intercepting,
    performance,
    quality,
    ready,
    reporting,
    requests,
    resources,
    versions,
)
from llmmonitor_operator.evaluate.inputs import Judge
from llmmonitor_operator.settings import Settings


@dataclass(frozen=True, slots=True)
class Row:
    """One condition."""

    kind: ConditionType
    judge: Judge
    settles: bool = False
    """Whether its verdict is held without traffic and cleared slowly (`settle.py`); the others say what is so
    at this moment."""
    clear_after: Callable[[Settings], float] | None = None
    """Seconds after which it clears, where that is not the spec's `clearAfter`."""

    def clear_after_seconds(self, settings: Settings) -> float:
        """After which it clears."""
        return settings.clear_after_seconds if self.clear_after is None else self.clear_after(settings)


EVALUATORS = (
    Row(table.READY, ready.judge),
    Row(table.INJECTED, injected.judge),
    Row(table.REPORTING, reporting.judge),
    Row(table.INTERCEPTING, intercepting.judge),
    Row(table.GPU_VISIBLE, gpu_visible.judge),
    Row(table.RESOURCES_HEALTHY, resources.judge, settles=True),
    Row(table.PERFORMANCE_HEALTHY, performance.judge, settles=True),
    Row(table.DRIFT_FREE, drift.judge),
    Row(table.DATA_VALID, requests.judge, settles=True),
    Row(
        table.INTERACTIONS_SAFE,
        interactions.judge,
        settles=True,
        clear_after=lambda settings: settings.interactions.clear_after_seconds,
    ),
    Row(table.QUALITY_HEALTHY, quality.judge),
    Row(table.VERSIONS_COMPARABLE, versions.judge),
    Row(table.WITHIN_BUDGET, budget.judge, settles=True),
    Row(table.HEALTHY, healthy.judge),
)
