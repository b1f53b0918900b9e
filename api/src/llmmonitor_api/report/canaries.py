"""Canaries: what a model makes of fixed prompts, by which another model behind the same name is told.

Of each prompt the likeliest first tokens with their logarithms of probability; of an engine that gives none,
how its greedy answer begins. Tokens are kept as keyed hashes of 32 bits: which they are is nobody's concern.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

import msgspec

from llmmonitor_api.report.values import Count, Moment, Name

PROMPTS_LIMIT: Final = 16
TOKENS_LIMIT: Final = 10
FEWEST: Final = 8
"""Prompts answered in both of two rounds, that these can be compared by."""

_Hash: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
_Logarithm: TypeAlias = Annotated[float, msgspec.Meta(ge=-1e4, le=0.1)]


class CanaryPrint(msgspec.Struct, frozen=True, array_like=True):
    """One prompt's answer; without a token there was none."""

    tokens: Annotated[tuple[_Hash, ...], msgspec.Meta(max_length=TOKENS_LIMIT)] = ()
    logprobs: Annotated[tuple[_Logarithm, ...], msgspec.Meta(max_length=TOKENS_LIMIT)] = ()
    """As many, natural; none where the one hash is of the answer's beginning."""


Prints: TypeAlias = Annotated[tuple[CanaryPrint, ...], msgspec.Meta(max_length=PROMPTS_LIMIT)]


class CanaryRound(msgspec.Struct, frozen=True):
    """All prompts, asked one after the other."""

    asked_at: Moment
    """When the last answer was there, Unix seconds."""
    suite: Count
    """The version of the prompts: those of another are not compared."""
    plan_version: Name
    """What the model was called that was asked."""
    prints: Prints


def distance(one: Prints, other: Prints) -> float | None:
    """How far apart two rounds are, from 0 to 1: the mean over the prompts; None: too few are known of both.

    Of a prompt the total variation distance between the probabilities, as far as they are known: a token that
    only one list has is at most as likely in the other as the least likely that is listed there.
    """
    found = [_distance(a, b) for a, b in zip(one, other, strict=False)]
    known = [each for each in found if each is not None]
    return sum(known) / len(known) if len(known) >= FEWEST else None


def _distance(one: CanaryPrint, other: CanaryPrint) -> float | None:
    if not one.tokens or not other.tokens or bool(one.logprobs) != bool(other.logprobs):
        return None
    if not one.logprobs:
        return float(one.tokens != other.tokens)
    p, q = _probabilities(one), _probabilities(other)
    least_p, least_q = min(p.values()), min(q.values())
    apart = sum(abs(p[token] - q[token]) for token in p.keys() & q.keys())
    apart += sum(max(0.0, p[token] - least_q) for token in p.keys() - q.keys())
    apart += sum(max(0.0, q[token] - least_p) for token in q.keys() - p.keys())
    return min(1.0, apart / 2)


def _probabilities(one: CanaryPrint) -> dict[int, float]:
    return {token: math.exp(logprob) for token, logprob in zip(one.tokens, one.logprobs, strict=False)}


def are_likelihoods(prints: Sequence[CanaryPrint]) -> bool:
    """Whether a round has probabilities, and not only how answers begin."""
    return any(one.logprobs for one in prints)
