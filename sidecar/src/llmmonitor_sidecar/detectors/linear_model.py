"""Linear scores over hashed words, the highest of any window of a text: what the trained detectors share.

A short instruction in a long document must not drown in it, so windows of WINDOW words are scored each by
itself; running sums make that as cheap as one score. Several heads are read in one pass: their weights, as
signed bytes in the files that `bench/detection` trains, stand side by side in one number per bucket, so that
one addition adds them all. Pure Python: nothing to load but 128 KiB a head.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import accumulate
from math import sqrt

import msgspec

from llmmonitor_api.interactions.table import DetectorFacts
from llmmonitor_sidecar.detectors.features import BUCKETS, MASK, hashes, words

WINDOW = 48
"""Words."""
STRIDE = 24
HEADS_LIMIT = 3
"""Side by side in one number."""
_FIELD_BITS = 16
_FIELD = (1 << _FIELD_BITS) - 1
_LIFT = 128
"""What makes a signed byte positive: 48 words and 48 pairs add up to 24,480 at most, which a field holds."""
_LIFTS = 2
"""Weights per word: its own and its pair's."""


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """One score."""

    kind: str
    weights: bytes
    """A signed byte per bucket."""
    scale: float
    """What a weight of 1 stands for."""
    bias: float
    at_one_percent: float
    """The score that 1 % of benign messages reach."""
    at_one_per_mille: float
    least_words: int = 1
    """A shorter window counts as so long: two words of a short text are no evidence."""


class Model(msgspec.Struct, frozen=True):
    """As a file has it."""

    version: int
    heads: tuple[Head, ...]
    trained_on: dict[str, int]
    """Messages by source."""


@dataclass(frozen=True, slots=True)
class Heads:
    """Heads for use."""

    facts: tuple[Head, ...]
    """Their weights left out."""
    side_by_side: array[int]


def load(name: str, facts: DetectorFacts) -> tuple[Head, ...]:
    """The heads of the file `name` that is shipped.

    Raises:
        ValueError: the file is of another version than the table says.
    """
    model = msgspec.msgpack.decode(files(__package__).joinpath(name).read_bytes(), type=Model)
    if model.version != facts.version or any(len(head.weights) != BUCKETS for head in model.heads):
        raise ValueError(f"{name} is of version {model.version}, the table says {facts.version}")
    return model.heads


def ready(heads: Sequence[Head]) -> Heads:
    """Heads for use together.

    Raises:
        ValueError: more than HEADS_LIMIT.
    """
    if len(heads) > HEADS_LIMIT:
        raise ValueError(f"{len(heads)} heads: {HEADS_LIMIT} at most stand side by side in one number")
    side_by_side = array("q", bytes(8 * BUCKETS))
    for place, head in enumerate(heads):
        unit = 1 << place * _FIELD_BITS
        weights, lift = array("b", head.weights), _LIFT * unit
        side_by_side = array(
            "q", [so_far + weight * unit + lift for so_far, weight in zip(side_by_side, weights, strict=True)]
        )
    return Heads(tuple(msgspec.structs.replace(head, weights=b"") for head in heads), side_by_side)


def scores(text: str, heads: Heads) -> tuple[float, ...]:
    """The highest score of any window, per head (log odds); the bias of an empty text."""
    single, pairs = hashes(words(text))
    weights, count = heads.side_by_side, len(single)
    each = [weights[one & MASK] + weights[two & MASK] for one, two in zip(single, pairs, strict=True)]
    sums = [0, *accumulate(each)]
    begins = range(0, max(1, count - STRIDE), STRIDE)
    *full, last = [sums[min(begin + WINDOW, count)] - sums[begin] for begin in begins]
    result = []
    for place, head in enumerate(heads.facts):
        shift = place * _FIELD_BITS
        best = _mean(last >> shift & _FIELD, count - begins[-1], head)
        if full:
            best = max(best, _mean(max([added >> shift & _FIELD for added in full]), WINDOW, head))
        result.append(head.bias + head.scale * best)
    return tuple(result)


def _mean(added: int, size: int, head: Head) -> float:
    """Of a window of `size` words whose weights add up to `added`: over the root, so that long ones count."""
    size = min(size, WINDOW)
    return (added - _LIFTS * _LIFT * size) / sqrt(_LIFTS * max(size, head.least_words))
