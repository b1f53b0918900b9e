"""Which pods a monitor selects (labels against a `LabelSelector`, as the API server would), and whose one is.

The webhook and the operator decide by these same functions: a pod must not belong to two monitors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from llmmonitor_api.spec import LLMMonitor
from llmmonitor_api.spec.target import ExpressionOperator, LabelExpression, LabelSelector
from llmmonitor_operator.kube.raw import Raw

_BEGINNING_OF_TIME = datetime.min.replace(tzinfo=UTC)


def owner_among(monitors: Iterable[LLMMonitor], pod: Raw) -> LLMMonitor | None:
    """The oldest of the monitors that select the pod, by name among those of one age."""
    return first_of(by_age(monitors), pod)


def by_age(monitors: Iterable[LLMMonitor]) -> list[LLMMonitor]:
    """In the order in which they have pods; `first_of` tells of many pods whose each is."""
    return sorted(monitors, key=_age_order)


def first_of(monitors: Iterable[LLMMonitor], pod: Raw) -> LLMMonitor | None:
    """The owner, of monitors `by_age`: who comes after it is not looked at."""
    return next((monitor for monitor in monitors if selects(monitor.spec.selector, pod)), None)


def selects(selector: LabelSelector, pod: Raw) -> bool:
    """Whether all of its requirements hold for the pod's labels."""
    labels = pod["metadata"].get("labels") or {}
    if not selector.match_labels.items() <= labels.items():
        return False
    return all(_holds(expression, labels) for expression in selector.match_expressions)


def may_select(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether it can select a pod that has these labels, among others that are not known."""
    return all(labels.get(key, value) == value for key, value in selector.match_labels.items()) and all(
        expression.key not in labels or _holds(expression, labels)
        for expression in selector.match_expressions
    )


def _age_order(monitor: LLMMonitor) -> tuple[datetime, str]:
    return monitor.metadata.creation_timestamp or _BEGINNING_OF_TIME, monitor.metadata.name


def _holds(expression: LabelExpression, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression.key)
    match expression.operator:
        case ExpressionOperator.EXISTS:
            return value is not None
        case ExpressionOperator.DOES_NOT_EXIST:
            return value is None
        case ExpressionOperator.IN:
            return value is not None and value in expression.values
        case ExpressionOperator.NOT_IN:
            return value is None or value not in expression.values
