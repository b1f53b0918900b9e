"""Adding and subtracting what reports hold, field by field.

One rule per kind of value serves every struct of `report/`: integers add, histograms and tables add by key,
labels must agree. `add` is associative and commutative and has `type(x)()`-like zeros (missing keys), so the
operator may add replicas in any order; `since` turns two cumulative reports of one boot into what happened
between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from llmmonitor_api.report.frequency import FrequencyTable

K = TypeVar("K")
T = TypeVar("T")


class CountersWentBack(ValueError):
    """A later cumulative value is smaller than an earlier one of the same boot."""


def add(left: T, right: T) -> T:
    """The sum of two values of the same type.

    Raises:
        ValueError: if labels differ, which means that two different series were paired.
    """
    return _combine(left, right, _plus, "")


def since(newer: T, older: T) -> T:
    """What was added between `older` and `newer`.

    Raises:
        CountersWentBack: if anything got smaller: not the same boot, or not in this order.
    """
    return _combine(newer, older, _minus, "")


def _plus(left: int, right: int, _at: str) -> int:
    return left + right


def _minus(left: int, right: int, at: str) -> int:
    if right > left:
        raise CountersWentBack(f"{at.lstrip('.')}: {left} after {right}")
    return left - right


def _combine(left: T, right: T, number: Callable[[int, int, str], int], at: str) -> T:
    if isinstance(left, str | bool | None):
        if left != right:
            raise ValueError(f"{at.lstrip('.')}: {left!r} and {right!r} are not the same series")
        return left
    if isinstance(left, int) and isinstance(right, int):
        return number(left, right, at)  # type: ignore[return-value]  # T is int here
    if isinstance(left, dict) and isinstance(right, dict):
        return _combine_dicts(left, right, number, at)  # type: ignore[return-value]  # T is this dict
    if isinstance(left, msgspec.Struct) and type(left) is type(right):
        values = {
            name: _combine(getattr(left, name), getattr(right, name), number, f"{at}.{name}")
            for name in left.__struct_fields__
        }
        result = type(left)(**values)
        return result.bounded() if isinstance(result, FrequencyTable) else result  # type: ignore[return-value]  # same type
    raise TypeError(f"{at.lstrip('.')}: {type(left).__name__} and {type(right).__name__} cannot be combined")


def _combine_dicts(
    left: dict[str, T], right: dict[str, T], number: Callable[[int, int, str], int], at: str
) -> dict[str, T]:
    if number is _minus and _holds_counts(left) and _holds_counts(right):
        return counts_since(left, right, at)  # type: ignore[arg-type, return-value]  # T is int here
    result = dict(left)
    for key, value in right.items():
        if key in result:
            combined = _combine(result[key], value, number, f"{at}[{key}]")
            if combined == 0:
                del result[key]  # sparse: a missing key is the zero
            else:
                result[key] = combined
        elif number is _plus:
            result[key] = value
    return result


def _holds_counts(values: Mapping[str, object]) -> bool:
    """By its first value: all of a map are of one type."""
    return type(next(iter(values.values()), 0)) is int


def counts_since(newer: dict[K, int], older: dict[K, int], at: str) -> dict[K, int]:
    """`since` of counts by key: of the hundreds of buckets of a histogram a few grow from report to report.

    Raises:
        CountersWentBack: one got smaller; `at` says in the message whose it is.
    """
    if newer == older:
        return {}
    grown = {}
    before = older.get
    for key, value in newer.items():
        old = before(key)
        if old is None:
            grown[key] = value
        elif value != old:
            grown[key] = _minus(value, old, f"{at}[{key}]") if value < old else value - old
    return grown
