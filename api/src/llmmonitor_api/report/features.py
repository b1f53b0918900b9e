"""What requests and answers look like, as counts by feature and bucket: what drift is found by.

Numbers go to half-octave buckets, categories to codes, so that every feature is counts by integer and adds
over time and replicas. Each exchange that succeeded counts once in every feature that is known of it.
Completions are counted within strata of operation and prompt length as well: what the model answers, given
what it is asked. No text is kept, and nothing that text could be made of.

What is found in the text is of those exchanges that there was CPU to look at (`texts`). Of words there are
several to an exchange: `known` says of how many exchanges they are.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Annotated, Final, TypeAlias

import msgspec

from llmmonitor_api.report.values import Count, Name

PROMPT_TOKENS: Final = "PromptTokens"
COMPLETION_TOKENS: Final = "CompletionTokens"
TURNS: Final = "Turns"
PARAMETERS: Final = "Parameters"
FINISH_REASON: Final = "FinishReason"
MEAN_LOGPROB: Final = "MeanLogprob"
LANGUAGES: Final = "Languages"
CHARACTER_CLASSES: Final = "CharacterClasses"
REFUSAL: Final = "Refusal"
REPETITION: Final = "Repetition"
ANSWER_LANGUAGES: Final = "AnswerLanguages"
ANSWER_CHARACTER_CLASSES: Final = "AnswerCharacterClasses"
VOCABULARY: Final = "Vocabulary"
ANSWER_VOCABULARY: Final = "AnswerVocabulary"
WORDS: Final = frozenset({VOCABULARY, ANSWER_VOCABULARY})
"""Those that count words, in VOCABULARY_BUCKETS: several of each exchange."""
TEXT: Final = WORDS | {
    *(LANGUAGES, CHARACTER_CLASSES, REFUSAL, REPETITION, ANSWER_LANGUAGES, ANSWER_CHARACTER_CLASSES)
}
"""Those that are found in the text."""
FEATURES: Final = (
    *(PROMPT_TOKENS, COMPLETION_TOKENS, TURNS, PARAMETERS, FINISH_REASON, MEAN_LOGPROB),
    *sorted(TEXT),
)
"""All that are counted; a reader drops what it does not know."""
NUMERIC: Final = frozenset({PROMPT_TOKENS, COMPLETION_TOKENS, TURNS, MEAN_LOGPROB})
"""Those in half-octave buckets."""
WHOLE: Final = NUMERIC | WORDS
"""Those of which no bucket is ever folded into OTHER."""
COMPANIONS: Final = {
    LANGUAGES: ANSWER_LANGUAGES,
    CHARACTER_CLASSES: ANSWER_CHARACTER_CLASSES,
    VOCABULARY: ANSWER_VOCABULARY,
}
"""Features of what is asked, with the same of what is answered, which is counted and judged with them."""
_OPEN: Final = frozenset({PARAMETERS})
"""Categories that clients could invent without end; the others have few codes."""

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
VOCABULARY_BUCKETS: Final = 64
"""Of words: more would take more room in every window of a baseline than they find (docs/design/drift.md)."""
LANGUAGE_CODES: Final = (
    *("none", "other", "latin", "code"),
    *("en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr", "vi", "id", "sv", "cs", "ro"),
    *("zh", "ja", "ko", "ru", "uk", "cyrillic", "ar", "fa", "he", "el", "hi", "bn", "ta", "te", "th"),
)
"""By code: no text; a script that is not known; Latin letters, and programs, of no language that is; the
languages, as ISO 639-1 has them, or the script's name where only that is told."""

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
    texts: Count = 0
    """Exchanges among them whose text was looked at."""
    known: Annotated[dict[Name, Count], msgspec.Meta(max_length=FEATURES_LIMIT)] = {}
    """By feature that counts words: the exchanges that they are of."""


def bucket_of(value: int) -> int:
    """The half-octave bucket of a number >= 0: 0 for 0, then 1 + floor(2 log2 value)."""
    if value <= 0:
        return 0
    octave = value.bit_length() - 1
    upper_half = value * value >= 1 << (2 * octave + 1)
    return min(LARGEST_BUCKET, 1 + 2 * octave + upper_half)


def record_words(features: FeatureCounts, feature: str, buckets: Sequence[int]) -> None:
    """Count one exchange by its words, if it has any."""
    if buckets:
        features.known[feature] = features.known.get(feature, 0) + 1
        counts = features.counts.setdefault(feature, {})
        known = counts.get
        for bucket in buckets:
            counts[bucket] = known(bucket, 0) + 1


def logprob_bucket(mean: float) -> int:
    """The bucket of the mean log-probability of an answer's tokens, in nats: of its thousandths below 0."""
    return bucket_of(round(-1000 * min(0.0, mean)))


def stratum_of(operation: str, prompt_tokens: int) -> int:
    """The stratum of a request: its operation and the octave of its prompt's tokens."""
    code = OPERATIONS.index(operation) if operation in OPERATIONS else len(OPERATIONS)
    return code * _PROMPT_BUCKETS + (bucket_of(prompt_tokens) + 1) // 2


def record(counts: MutableMapping[str, dict[int, int]], feature: str, bucket: int) -> None:
    """Count one exchange; a category beyond CATEGORIES_LIMIT of those without end as OTHER."""
    buckets = counts.setdefault(feature, {})
    if bucket not in buckets and feature in _OPEN and len(buckets) >= CATEGORIES_LIMIT:
        bucket = OTHER
    buckets[bucket] = buckets.get(bucket, 0) + 1


def total(buckets: Mapping[int, int]) -> int:
    """All counts of one feature."""
    return sum(buckets.values())
