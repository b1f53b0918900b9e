"""What requests and answers look like, as counts by feature and bucket: what drift is found by.

Numbers go to half-octave buckets, categories to codes, so that every feature is counts by integer and adds
over time and replicas. Each exchange that succeeded counts once in every feature that is known of it.
Completions are counted within strata of operation and prompt length as well: what the model answers, given
what it is asked. No text is kept, and nothing that text could be made of.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Annotated, Final, TypeAlias

import msgspec

from llmmonitor_api.report.values import Count, Name

PROMPT_TOKENS: Final = "PromptTokens"
COMPLETION_TOKENS: Final = "CompletionTokens"
TURNS: Final = "Turns"
PARAMETERS: Final = "Parameters"
FINISH_REASON: Final = "FinishReason"
FEATURES: Final = (PROMPT_TOKENS, COMPLETION_TOKENS, TURNS, PARAMETERS, FINISH_REASON)
"""All that are counted; a reader drops what it does not know."""
NUMERIC: Final = frozenset({PROMPT_TOKENS, COMPLETION_TOKENS, TURNS})
"""Those in half-octave buckets."""

OTHER: Final = -1
"""The bucket of categories beyond those that are told apart."""
FEATURES_LIMIT: Final = 16
BUCKETS_LIMIT: Final = 320
"""Of one feature."""
CATEGORIES_LIMIT: Final = 24
"""Different categories that a sidecar tells apart of one feature."""
STRATA_LIMIT: Final = 64
"""Of operation and prompt length."""
STRATUM_BUCKETS_LIMIT: Final = 64

LARGEST_BUCKET: Final = 61
"""Of 2^30 and more."""
FINISH_REASONS: Final = ("stop", "length", "tool_calls", "content_filter", "error", "other")
"""By code."""
PARAMETER_NAMES: Final = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "n",
    "stop",
    "stream",
    "tools",
    "response_format",
    "seed",
    "logprobs",
    "penalties",
)
"""Parameters that a request may ask for: bit i of its code is set where it asks for the i-th."""
OPERATIONS: Final = ("chat", "text_completion", "generate_content")
"""By code; any other is told apart no further."""
_PROMPT_BUCKETS: Final = 32
"""Octaves of prompt length."""

_Bucket: TypeAlias = Annotated[int, msgspec.Meta(ge=OTHER, le=2**32)]
_Stratum: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_PROMPT_BUCKETS * (len(OPERATIONS) + 1) - 1)]


class FeatureCounts(msgspec.Struct, omit_defaults=True):
    """Counts of exchanges; the zero of `merge.add` is `FeatureCounts()`."""

    requests: Count = 0
    """Exchanges that are in them: answered, and of an operation that generates."""
    counts: Annotated[
        dict[Name, Annotated[dict[_Bucket, Count], msgspec.Meta(max_length=BUCKETS_LIMIT)]],
        msgspec.Meta(max_length=FEATURES_LIMIT),
    ] = {}
    """By feature, then by bucket."""
    completions: Annotated[
        dict[_Stratum, Annotated[dict[_Bucket, Count], msgspec.Meta(max_length=STRATUM_BUCKETS_LIMIT)]],
        msgspec.Meta(max_length=STRATA_LIMIT),
    ] = {}
    """By stratum: buckets of completion tokens."""


def bucket_of(value: int) -> int:
    """The half-octave bucket of a number >= 0: 0 for 0, then 1 + floor(2 log2 value)."""
    if value <= 0:
        return 0
    octave = value.bit_length() - 1
    upper_half = value * value >= 1 << (2 * octave + 1)
    return min(LARGEST_BUCKET, 1 + 2 * octave + upper_half)


def stratum_of(operation: str, prompt_tokens: int) -> int:
    """The stratum of a request: its operation and the octave of its prompt's tokens."""
    code = OPERATIONS.index(operation) if operation in OPERATIONS else len(OPERATIONS)
    return code * _PROMPT_BUCKETS + (bucket_of(prompt_tokens) + 1) // 2


def record(counts: MutableMapping[str, dict[int, int]], feature: str, bucket: int) -> None:
    """Count one exchange; a category beyond CATEGORIES_LIMIT as OTHER."""
    buckets = counts.setdefault(feature, {})
    if bucket not in buckets and feature not in NUMERIC and len(buckets) >= CATEGORIES_LIMIT:
        bucket = OTHER
    buckets[bucket] = buckets.get(bucket, 0) + 1


def total(buckets: Mapping[int, int]) -> int:
    """All counts of one feature."""
    return sum(buckets.values())
