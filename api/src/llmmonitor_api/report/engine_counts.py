"""What the engine counts of itself, as it adds: over time, over restarts of the engine, over replicas.

An engine's counters begin anew with each of its lives; the collector bridges that, so that these never go
back within one boot of the sidecar. Its histograms keep the engine's own bounds, since nobody can know more.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from llmmonitor_api.report.values import Count, Name, Sum

BOUNDS_LIMIT = 64
"""Bounds of one histogram; engines have two dozen."""
REASONS_LIMIT = 16
"""Finish reasons; engines have half a dozen."""
OTHER = "other"
"""Those beyond the limit, together."""
_Bound: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class EngineHistogram(msgspec.Struct, frozen=True, omit_defaults=True):
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


class EngineCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Since the sidecar's first look at the engine; what the engine does not say stays zero."""

    restarts: Count = 0
    """Lives of the engine that began meanwhile: its counters went back."""
    prompt_tokens: Count = 0
    generation_tokens: Count = 0
    preemptions: Count = 0
    finished_requests: Annotated[dict[Name, Count], msgspec.Meta(max_length=REASONS_LIMIT + 1)] = {}
    """By why they ended, as the engine calls it; `unknown` where it does not say."""
    time_to_first_token: EngineHistogram = EngineHistogram()
    time_per_output_token: EngineHistogram = EngineHistogram()


class Pair(msgspec.Struct, frozen=True, omit_defaults=True):
    """The same thing counted twice, over the same time."""

    engine: Count = 0
    wire: Count = 0


class Compared(msgspec.Struct, frozen=True, omit_defaults=True):
    """What engine and wire counted over stretches of time in which both can be compared.

    A stretch begins and ends where nothing is in flight, or where what is in flight is at most `EDGES` of its
    requests; so sums over any stretches are that exact too.
    """

    requests: Pair = Pair()
    """Requests that ended; on the wire every one, a request for several choices as so many."""
    answered: Count = 0
    """Of those on the wire, the ones that the engine must have finished: answered, by choices."""
    prompt_tokens: Pair = Pair()
    generation_tokens: Pair = Pair()
    token_requests: Count = 0
    """Requests on the wire whose tokens are in these two."""
    uncounted_requests: Count = 0
    """Requests in stretches whose tokens are not, since too many came without an exact count."""
    first_tokens: Pair = Pair()
    """First tokens; on the wire of streamed answers alone."""
    first_token_nanoseconds: Pair = Pair()
    """Sums of the times to them."""


EDGES = 0.02
"""The share of a stretch's requests that may be in flight at its two ends together."""
