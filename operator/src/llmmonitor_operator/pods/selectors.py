"""Which pods a monitor selects: labels against a `LabelSelector`, as the API server would."""

from __future__ import annotations

from collections.abc import Mapping

from llmmonitor_api.spec.target import ExpressionOperator, LabelExpression, LabelSelector
from llmmonitor_operator.kube.raw import Raw


def selects(selector: LabelSelector, pod: Raw) -> bool:
    """Whether all of its requirements hold for the pod's labels."""
    labels = pod["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _holds(expression, labels) for expression in selector.match_expressions
    )


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
