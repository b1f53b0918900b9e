"""From texts to one head of a linear model: windows, fit, signed bytes, thresholds.

Thresholds are the scores that 1 % and 0.1 % of the calibration texts reach, of sources that no training saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import ceil

import msgspec
from bench.detection.regression import Example, Fitted, fit
from bench.detection.texts import Text

from llmmonitor_sidecar.detectors.encodings import plain
from llmmonitor_sidecar.detectors.features import BUCKETS, buckets, words
from llmmonitor_sidecar.detectors.linear_model import STRIDE, WINDOW, Head, ready, scores

SEED = 20_261_126
WINDOWS_OF_AN_ATTACK = 6
WINDOWS_OF_A_BENIGN_TEXT = 8
_LARGEST = 127


def head(kind: str, texts: Iterable[Text], calibration: Sequence[Text], least_words: int = 1) -> Head:
    """Tells texts of `kind` from those of none; texts of other kinds are left out."""
    found = [
        example
        for one in texts
        if not one.kind or one.kind == kind
        for example in _examples(one, least_words)
    ]
    made = _quantised(kind, fit(found, BUCKETS, SEED))
    made = msgspec.structs.replace(made, least_words=least_words)
    for_use = ready((made,))
    reached = sorted((scores(one.text, for_use)[0] for one in calibration), reverse=True)
    at_one_percent, at_one_per_mille = (reached[ceil(len(reached) * share) - 1] for share in (0.01, 0.001))
    print(f"{kind}: {len(found)} windows; 1 % at {at_one_percent:.2f}, 0.1 % at {at_one_per_mille:.2f}")
    return msgspec.structs.replace(made, at_one_percent=at_one_percent, at_one_per_mille=at_one_per_mille)


def _quantised(kind: str, fitted: Fitted) -> Head:
    scale = max(map(abs, fitted.weights)) / _LARGEST
    weights = bytes(round(one / scale) & 0xFF for one in fitted.weights)
    return Head(kind, weights, scale, fitted.bias, 0.0, 0.0)


def _examples(one: Text, least_words: int) -> Iterator[Example]:
    single, pairs = buckets(words(plain(one.text)))
    begins = range(0, max(1, len(single) - STRIDE), STRIDE)
    most = WINDOWS_OF_AN_ATTACK if one.kind else WINDOWS_OF_A_BENIGN_TEXT
    chosen = list(begins)[:most]
    for begin in chosen:
        window = (*single[begin : begin + WINDOW], *pairs[begin : begin + WINDOW])
        yield Example(
            window, bool(one.kind), 1.0 if len(chosen) == 1 else 1.5 / len(chosen) ** 0.5, 2 * least_words
        )
