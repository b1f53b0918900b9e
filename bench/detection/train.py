"""Trains the injection model and writes it beside its detector: a part of `make train-detectors`.

Everything is drawn with fixed seeds from pinned packages, so that the same file comes out again. Thresholds
are the scores that 1 % and 0.1 % of the calibration texts reach, of sources that no training saw.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import msgspec
from bench.detection import attacks, benign, grammar
from bench.detection.heads import SEED, head
from bench.detection.texts import Text, distinct, without_copies

from llmmonitor_api.interactions import table
from llmmonitor_sidecar.detectors.injection_model import FILE, HEADS
from llmmonitor_sidecar.detectors.linear_model import Model

MODEL = Path("sidecar/src/llmmonitor_sidecar/detectors") / FILE
GRAMMAR_ATTACKS = 4_000
GRAMMAR_HARMLESS = 6_000


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
    heads = tuple(head(kind, texts, calibration.texts) for kind in HEADS)
    model = Model(table.INJECTION_MODEL.version, heads, dict(sorted(trained_on.items())))
    MODEL.write_bytes(msgspec.msgpack.encode(model))
    print(f"{MODEL}: {MODEL.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
