"""Logistic regression on hashed counts, by AdaGrad with L2, in plain Python: the same bits on every machine.

(Duchi, Hazan, Singer, JMLR 2011.) Small enough that no library is needed: minutes for some ten thousand
windows of text.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, sqrt

RATE = 0.5
L2 = 2e-6
EPOCHS = 6


@dataclass(frozen=True, slots=True)
class Example:
    """One window."""

    buckets: tuple[int, ...]
    """Of words and pairs; each weighs 1/sqrt of their number."""
    positive: bool
    weight: float
    least: int = 1
    """Fewer buckets count as so many."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The model."""

    weights: array[float]
    bias: float


def fit(examples: Sequence[Example], buckets: int, seed: int) -> Fitted:
    """The weights that tell positive from negative windows."""
    weights, squares = array("d", bytes(8 * buckets)), array("d", [1e-8]) * buckets
    bias, bias_square = 0.0, 1e-8
    order = list(range(len(examples)))
    draw = random.Random(seed)
    for _ in range(EPOCHS):
        draw.shuffle(order)
        for place in order:
            one = examples[place]
            each = 1 / sqrt(max(len(one.buckets), one.least))
            score = bias + each * sum([weights[bucket] for bucket in one.buckets])
            error = one.weight * (1 / (1 + exp(-max(-30.0, min(30.0, score)))) - one.positive)
            if abs(error) < 1e-3:
                continue
            step = error * each
            square = step * step
            for bucket in one.buckets:
                squares[bucket] += square
                weights[bucket] -= RATE * (step + L2 * weights[bucket]) / sqrt(squares[bucket])
            bias_square += error * error
            bias -= RATE * error / sqrt(bias_square)
    return Fitted(weights, bias)
