"""What the engine counts of itself. Its histograms keep its own bounds, since nobody can know more."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from llmmonitor_api.report.values import Count, Sum

BOUNDS_LIMIT = 64
"""Bounds of one histogram; engines have two dozen."""
_Bound: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class EngineHistogram(msgspec.Struct, omit_defaults=True):
    """Values in seconds by the engine's own bounds."""

    sum_nano: Sum = 0
    """Sum of all values in 1e-9 s."""
    buckets: Annotated[dict[_Bound, Count], msgspec.Meta(max_length=BOUNDS_LIMIT)] = {}
    """By upper bound in 1e-9 s: how many were in this bucket alone."""
    overflow: Count = 0
    """Above the largest bound."""

    @property
    def count(self) -> int:
        """Number of values."""
        return self.overflow + sum(self.buckets.values())

    @property
    def sum(self) -> float:
        """Sum of values in seconds."""
        return self.sum_nano / 1e9
