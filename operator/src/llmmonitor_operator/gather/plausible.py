"""Refuses counts that no sidecar can have come to.

Types bound what can be written down (`report.values`); sums of a few such numbers already could not, and
would drown whatever honest replicas counted. What is beyond any real pod's life costs its report at the
door: the other pods' figures stay right, and what is kept of all stays small enough to be written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import attrgetter
from typing import Final

import msgspec

from llmmonitor_api.report.histogram import LARGEST, Histogram
from llmmonitor_api.report.totals import Totals
from llmmonitor_operator.figures import HISTOGRAMS, Figures

LIMIT: Final = 2**53
"""Of any count: ten billion a second for more than a week; every reader of JSON has it exactly."""
NANOSECONDS_LIMIT: Final = 2**62
"""146 years."""
_NANOSECONDS: Final = "_nanoseconds"
_LARGEST_NANO: Final = round(LARGEST * 1e9)
_ENCODE = msgspec.msgpack.Encoder().encode
_WITHOUT_HISTOGRAMS = attrgetter(*(name for name in Figures.__struct_fields__ if name not in HISTOGRAMS))
_NOT_BELOW_LIMIT: Final = re.compile(rb"\xcf(?!\x00[\x00-\x1f])")
"""Where a number of LIMIT or more may stand, which msgpack writes in nine bytes; in a text any may."""


class Implausible(ValueError):
    """A count beyond the limit; the message says which, and the limit."""


def check(figures: Figures, totals: Totals) -> None:
    """Go through all numbers that are kept of a report, at any depth.

    Args:
        figures: of the totals, by `figures_of`.
        totals: the report's.

    Raises:
        Implausible: one is beyond the limit.
    """
    if _holds(figures, totals):
        return
    _search(figures, "totals")
    _search(totals.objectives, "totals.objectives")
    _search(totals.features, "totals.features")
    _search(totals.requests, "totals.requests")


def _holds(figures: Figures, totals: Totals) -> bool:
    """Whether no number is beyond its limit, as nearly always; false where that is not seen at once.

    Written by msgpack, a tenth of the time that going through them takes.
    """
    try:
        written = _ENCODE((_WITHOUT_HISTOGRAMS(figures), totals.objectives, totals.features, totals.requests))
    except OverflowError:  # more than 64 bits
        return False
    return not _NOT_BELOW_LIMIT.search(written) and all(
        _can_be(getattr(figures, name)) for name in HISTOGRAMS
    )


def _can_be(histogram: Histogram) -> bool:
    count = histogram.count
    return count <= LIMIT and histogram.sum_nano <= count * _LARGEST_NANO


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
