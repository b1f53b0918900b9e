"""Which function judges which condition. The summary comes last: it is judged by the others' verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from llmmonitor_api.conditions import ConditionType, table
from llmmonitor_operator.evaluate import (
    budget,
    gpu_visible,
    healthy,
    injected,
    intercepting,
    not_judged,
    performance,
    quality,
    ready,
    reporting,
    resources,
)
from llmmonitor_operator.evaluate.inputs import Judge


@dataclass(frozen=True, slots=True)
class Row:
    """One condition."""

    kind: ConditionType
    judge: Judge
    settles: bool = False
    """Whether its verdict is held without traffic and cleared slowly (`settle.py`); the others say what is so
    at this moment."""


EVALUATORS = (
    Row(table.READY, ready.judge),
    Row(table.INJECTED, injected.judge),
    Row(table.REPORTING, reporting.judge),
    Row(table.INTERCEPTING, intercepting.judge),
    Row(table.GPU_VISIBLE, gpu_visible.judge),
    Row(table.RESOURCES_HEALTHY, resources.judge, settles=True),
    Row(table.PERFORMANCE_HEALTHY, performance.judge, settles=True),
    Row(table.DRIFT_FREE, not_judged.drift),
    Row(table.DATA_VALID, not_judged.data_validity),
    Row(table.INTERACTIONS_SAFE, not_judged.interactions),
    Row(table.QUALITY_HEALTHY, quality.judge),
    Row(table.VERSIONS_COMPARABLE, not_judged.versions),
    Row(table.WITHIN_BUDGET, budget.judge, settles=True),
    Row(table.HEALTHY, healthy.judge),
)
