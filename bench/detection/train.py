"""Trains the injection model and writes it beside its detector: `make train-detectors`.

Everything is drawn with fixed seeds from pinned packages, so that the same file comes out again. Thresholds
are the scores that 1 % and 0.1 % of the calibration texts reach, of sources that no training saw.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from math import ceil
from pathlib import Path

import msgspec
from bench.detection import attacks, benign, grammar
from bench.detection.regression import Example, Fitted, fit
from bench.detection.texts import Text, distinct, without_copies

from llmmonitor_api.interactions import table
from llmmonitor_sidecar.detectors.encodings import plain
from llmmonitor_sidecar.detectors.features import BUCKETS, buckets, words
from llmmonitor_sidecar.detectors.injection_model import (
    FILE,
    HEADS,
    STRIDE,
    WINDOW,
    Head,
    Model,
    ready,
    scores,
)

MODEL = Path("sidecar/src/llmmonitor_sidecar/detectors") / FILE
SEED = 20_261_126
GRAMMAR_ATTACKS = 4_000
GRAMMAR_HARMLESS = 6_000
WINDOWS_OF_AN_ATTACK = 6
WINDOWS_OF_A_BENIGN_TEXT = 8
_LARGEST = 127


def training_texts() -> list[Text]:
    """Everything that is trained on."""
    harmless = distinct(benign.trained_on())
    carriers = [
        one.text
        for one in harmless
        if one.source in {"BoolQ", "XSum", "Quac", "swe-lancer", "Privacy-Policy"}
    ]
    drawn = grammar.attacks(carriers, GRAMMAR_ATTACKS, SEED)
    return distinct([*attacks.trained_on(), *drawn, *harmless, *grammar.harmless(GRAMMAR_HARMLESS, SEED)])


def main() -> int:
    """Train, say what came out, write."""
    texts = training_texts()
    trained_on = Counter(one.source for one in texts)
    print(f"{len(texts)} texts: {dict(trained_on)}")
    calibration = without_copies(distinct(benign.calibrated_on()), texts)
    print(f"calibrated on {len(calibration.texts)} benign texts; {calibration.left_out} copies left out")
    heads = tuple(_head(kind, texts, calibration.texts) for kind in HEADS)
    model = Model(table.INJECTION_MODEL.version, heads, dict(sorted(trained_on.items())))
    MODEL.write_bytes(msgspec.msgpack.encode(model))
    print(f"{MODEL}: {MODEL.stat().st_size} bytes")
    return 0


def _head(kind: str, texts: Iterable[Text], calibration: Iterable[Text]) -> Head:
    examples = [example for one in texts if not one.kind or one.kind == kind for example in _examples(one)]
    fitted = fit(examples, BUCKETS, SEED)
    head = _quantised(kind, fitted)
    reached = sorted((scores(one.text, (ready(head),))[0] for one in calibration), reverse=True)
    at_one_percent, at_one_per_mille = (reached[ceil(len(reached) * share) - 1] for share in (0.01, 0.001))
    print(f"{kind}: {len(examples)} windows; 1 % at {at_one_percent:.2f}, 0.1 % at {at_one_per_mille:.2f}")
    return msgspec.structs.replace(head, at_one_percent=at_one_percent, at_one_per_mille=at_one_per_mille)


def _quantised(kind: str, fitted: Fitted) -> Head:
    scale = max(map(abs, fitted.weights)) / _LARGEST
    weights = bytes(round(one / scale) & 0xFF for one in fitted.weights)
    return Head(kind, weights, scale, fitted.bias, 0.0, 0.0)


def _examples(one: Text) -> Iterator[Example]:
    single, pairs = buckets(words(plain(one.text)))
    begins = range(0, max(1, len(single) - STRIDE), STRIDE)
    most = WINDOWS_OF_AN_ATTACK if one.kind else WINDOWS_OF_A_BENIGN_TEXT
    chosen = list(begins)[:most]
    for begin in chosen:
        window = (*single[begin : begin + WINDOW], *pairs[begin : begin + WINDOW])
        yield Example(window, bool(one.kind), 1.0 if len(chosen) == 1 else 1.5 / len(chosen) ** 0.5)


if __name__ == "__main__":
    sys.exit(main())
