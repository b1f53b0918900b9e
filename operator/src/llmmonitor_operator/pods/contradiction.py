"""Whether a selector can match any pod at all: one that contradicts itself waits for ever and looks well.

Only what is certain is said, by the requirements on one label: each is met by the label's absence, or by some
of its values, and a contradiction leaves neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from llmmonitor_api.spec.target import ExpressionOperator, LabelExpression, LabelSelector
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.once import once_for_each


@dataclass(frozen=True, slots=True)
class _Requirement:
    """On one label."""

    key: str
    words: str
    absent: bool
    """Whether it is met where the label is absent."""
    present: bool = True
    """Whether it can be met by a value."""
    among: frozenset[str] | None = None
    """The values that meet it; None when all do but `but`."""
    but: frozenset[str] = frozenset()


@once_for_each
def contradiction(selector: LabelSelector) -> str:
    """Why it can match no pod, in words with the way out; empty when it can."""
    by_key: dict[str, list[_Requirement]] = {}
    for one in _requirements(selector):
        by_key.setdefault(one.key, []).append(one)
    found = [required for required in by_key.values() if not _can_be_met(required)]
    if not found:
        return ""
    texts = [" and ".join(one.words for one in required) for required in found]
    return f"no pod can match it: {wording.listed(texts)} exclude each other; correct spec.selector"


def _requirements(selector: LabelSelector) -> Iterator[_Requirement]:
    for key, value in selector.match_labels.items():
        yield _Requirement(key, f"{key}={value}", absent=False, among=frozenset({value}))
    for expression in selector.match_expressions:
        yield _of(expression)


def _of(expression: LabelExpression) -> _Requirement:
    key, values = expression.key, frozenset(expression.values)
    listed = f" [{wording.listed(expression.values)}]" if values else ""
    words = f"{key} {expression.operator}{listed}"
    match expression.operator:
        case ExpressionOperator.EXISTS:
            return _Requirement(key, words, absent=False)
        case ExpressionOperator.DOES_NOT_EXIST:
            return _Requirement(key, words, absent=True, present=False)
        case ExpressionOperator.IN:
            return _Requirement(key, words, absent=False, among=values)
        case ExpressionOperator.NOT_IN:
            return _Requirement(key, words, absent=True, but=values)


def _can_be_met(required: list[_Requirement]) -> bool:
    if all(one.absent for one in required):
        return True
    if not all(one.present for one in required):
        return False
    sets = [one.among for one in required if one.among is not None]
    excluded = frozenset[str]().union(*(one.but for one in required))
    return not sets or bool(frozenset.intersection(*sets) - excluded)
