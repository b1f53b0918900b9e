"""Shares with their intervals, as the bench of detectors counts them."""

from __future__ import annotations

import msgspec

from llmmonitor_operator.evaluate.wording import wilson_interval


class Share(msgspec.Struct, frozen=True):
    """A share with its interval."""

    flagged: int
    n: int
    low: float
    high: float


class Row(msgspec.Struct, frozen=True):
    """One detector on one set."""

    detector: str
    set: str
    positive: bool
    """Whether all of the set should be found; else nothing of it should."""
    share: Share


def share(flagged: int, n: int) -> Share:
    """With Wilson's interval."""
    low, high = wilson_interval(flagged, n)
    return Share(flagged, n, round(low, 6), round(high, 6))
