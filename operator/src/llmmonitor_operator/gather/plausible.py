"""Refuses counts that no sidecar can have come to.

Types bound what can be written down (`report.values`); sums of a few such numbers already could not, and
would drown whatever honest replicas counted. What is beyond any real pod's life costs its report at the
door: the other pods' figures stay right, and what is kept of all stays small enough to be written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from llmmonitor_api.report.histogram import LARGEST, Histogram

LIMIT: Final = 2**53
"""Of any count: ten billion a second for more than a week; every reader of JSON has it exactly."""
NANOSECONDS_LIMIT: Final = 2**62
"""146 years."""
_NANOSECONDS: Final = "_nanoseconds"
_LARGEST_NANO: Final = round(LARGEST * 1e9)


class Implausible(ValueError):
    """A count beyond the limit; the message says which, and the limit."""


def check(counts: object, at: str) -> None:
    """Go through all numbers of a struct or map, at any depth.

    Args:
        counts: whatever reports count in.
        at: what it is called in the message.

    Raises:
        Implausible: one is beyond the limit.
    """
    if not _holds(counts):
        _search(counts, at)


def _holds(counts: Any) -> bool:
    """Whether no number is beyond LIMIT, as nearly always: without a name for each it takes half as long."""
    kind = type(counts)
    if kind is int:
        return bool(counts <= LIMIT)
    if kind is Histogram:
        count = counts.count
        return bool(count <= LIMIT and counts.sum_nano <= count * _LARGEST_NANO)
    if kind is dict:
        values = counts.values()
        if type(next(iter(values), None)) is int:
            return bool(max(values) <= LIMIT)  # all of a map are of one type
        return all(map(_holds, values))
    if isinstance(counts, msgspec.Struct):
        return all(map(_holds, msgspec.structs.astuple(counts)))
    return not isinstance(counts, Mapping)


def _search(counts: object, at: str) -> None:
    """Name the number that is beyond its limit; one of nanoseconds may be within its own."""
    if isinstance(counts, int):
        _check_count(counts, NANOSECONDS_LIMIT if at.endswith(_NANOSECONDS) else LIMIT, at)
    elif isinstance(counts, Histogram):
        _check_histogram(counts, at)
    elif isinstance(counts, Mapping):
        _check_map(counts, at)
    elif isinstance(counts, msgspec.Struct):
        for name in counts.__struct_fields__:
            _search(getattr(counts, name), f"{at}.{name}")


def _check_map(counts: Mapping[object, object], at: str) -> None:
    values = counts.values()
    if type(next(iter(values), None)) is not int:
        for key, value in counts.items():
            _search(value, f"{at}[{key}]")
    elif max(values) > LIMIT:  # type: ignore[type-var, operator]  # all of a map are of one type
        key = max(counts, key=counts.__getitem__)  # type: ignore[arg-type]  # as above
        _search(counts[key], f"{at}[{key}]")


def _check_histogram(histogram: Histogram, at: str) -> None:
    count = histogram.count
    _check_count(count, LIMIT, at)
    _check_count(histogram.sum_nano, count * _LARGEST_NANO, f"{at}.sum_nano")


def _check_count(number: int, limit: int, at: str) -> None:
    if number > limit:
        raise Implausible(f"{at}: {number} in one report; no sidecar counts more than {limit}")
