"""The injection model: two linear scores over hashed words, the highest of any window of a text.

A short instruction in a long document must not drown in it, so windows of WINDOW words are scored each by
itself; running sums make that as cheap as one score. `bench/detectors/train.py` makes the file: two rows of
signed bytes, with their scale, bias, and the thresholds that 1 % and 0.1 % of benign messages reach which the
training never saw. Pure Python: nothing to load but 256 KiB.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate
from math import sqrt

import msgspec

from llmmonitor_api.interactions import kinds, table
from llmmonitor_sidecar.detectors import injection_rules
from llmmonitor_sidecar.detectors.features import BUCKETS, buckets, words
from llmmonitor_sidecar.detectors.finding import Finding
from llmmonitor_sidecar.detectors.said import Message

WINDOW = 48
"""Words."""
STRIDE = 24
HEADS = (kinds.PROMPT_INJECTION.name, kinds.JAILBREAK.name)
FILE = "injection_model.msgpack"


class Head(msgspec.Struct, frozen=True):
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


class Model(msgspec.Struct, frozen=True):
    """As the file has it."""

    version: int
    heads: tuple[Head, ...]
    trained_on: dict[str, int]
    """Messages by source."""


@dataclass(frozen=True, slots=True)
class _Ready:
    kind: str
    weights: array[int]
    scale: float
    bias: float
    at_one_percent: float
    at_one_per_mille: float


@cache
def load() -> tuple[_Ready, ...]:
    """The model that is shipped, read once.

    Raises:
        ValueError: the file is of another version than the table says.
    """
    model = msgspec.msgpack.decode(files(__package__).joinpath(FILE).read_bytes(), type=Model)
    if model.version != table.INJECTION_MODEL.version or any(len(h.weights) != BUCKETS for h in model.heads):
        raise ValueError(
            f"{FILE} is of version {model.version}, the table says {table.INJECTION_MODEL.version}"
        )
    return tuple(ready(head) for head in model.heads)


def ready(head: Head) -> _Ready:
    """A head for use."""
    return _Ready(
        head.kind, array("b", head.weights), head.scale, head.bias, head.at_one_percent, head.at_one_per_mille
    )


def scores(text: str, heads: tuple[_Ready, ...]) -> tuple[float, ...]:
    """The highest score of any window, per head (log odds); the bias of an empty text."""
    single, pairs = buckets(words(text))
    count = len(single)
    spans = [(at, min(at + WINDOW, count)) for at in range(0, max(1, count - STRIDE), STRIDE)]
    result = []
    for head in heads:
        weights = head.weights
        sums = [0, *accumulate([weights[one] + weights[two] for one, two in zip(single, pairs, strict=True)])]
        best = max((sums[end] - sums[begin]) / sqrt(2 * (end - begin) or 1) for begin, end in spans)
        result.append(head.bias + head.scale * best)
    return tuple(result)


def judge(message: Message) -> Iterator[Finding]:
    """Whether a message, or the last turns together, is an attempt."""
    facts = table.INJECTION_MODEL
    heads = load()
    for head, score in zip(heads, scores(message.text, heads), strict=True):
        if score >= head.at_one_per_mille:
            sure = head.kind in injection_rules.kinds_in(message.text)
            yield Finding(head.kind, facts.name, facts.version, message.origin, sure)
