"""When a dead child is started again: at once, unless it keeps dying."""

from __future__ import annotations

import dataclasses

_SECOND_NS = 1_000_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Backoff:
    """How the wait grows with every death in a row."""

    first_ns: int = 0
    """After the first death."""
    second_ns: int = 200_000_000
    """After the second; doubles from then on."""
    limit_ns: int = 30 * _SECOND_NS
    killed_limit_ns: int = 30 * _SECOND_NS
    """The same for a child that a signal ended: that need be no fault of its own."""
    lived_ns: int = 10 * _SECOND_NS
    """A child that lived so long starts a new row."""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """Deaths in a row."""

    deaths: int = 0
    start_at_ns: int = 0
    """Not before this time."""


def after_death(row: Row, lived_ns: int, now_ns: int, backoff: Backoff, *, killed: bool = False) -> Row:
    """The row with one more death; `killed`: by a signal."""
    deaths = 1 if lived_ns >= backoff.lived_ns else row.deaths + 1
    if deaths == 1:
        wait_ns = backoff.first_ns
    else:
        doublings = min(deaths - 2, 32)
        limit_ns = backoff.killed_limit_ns if killed else backoff.limit_ns
        wait_ns = min(backoff.second_ns << doublings, limit_ns)
    return Row(deaths, now_ns + wait_ns)
