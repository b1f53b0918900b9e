"""Trains the toxicity model and writes it beside its detector: a part of `make train-detectors`.

Everything is drawn with fixed seeds from pinned packages, so that the same file comes out again. Thresholds
are set by the texts that the injection model's are set by: questions, contracts, dialogues, and what
assistants remember.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import msgspec
from bench.detection import benign, grammar, toxic, toxic_grammar
from bench.detection.heads import SEED, head
from bench.detection.texts import Text, distinct, without_copies

from llmmonitor_api.interactions import kinds, table
from llmmonitor_sidecar.detectors.linear_model import Model
from llmmonitor_sidecar.detectors.toxicity import FILE

MODEL = Path("sidecar/src/llmmonitor_sidecar/detectors") / FILE
LEAST_WORDS = 8
GRAMMAR_TOXIC = 9_000
GRAMMAR_HARMLESS = 12_000
CARRIERS = frozenset({"XSum", "NarrativeQA", "HellaSwag", "writingbench", "SIQA"})


def training_texts() -> list[Text]:
    """Everything that is trained on."""
    harmless = distinct(benign.trained_on())
    carriers = [one.text for one in harmless if one.source in CARRIERS]
    drawn = toxic_grammar.toxic(carriers, GRAMMAR_TOXIC, SEED)
    neighbours = toxic_grammar.harmless(GRAMMAR_HARMLESS, SEED)
    return distinct([*toxic.trained_on(), *drawn, *harmless, *neighbours, *grammar.harmless(2_000, SEED)])


def main() -> int:
    """Train, say what came out, write."""
    texts = training_texts()
    trained_on = Counter(one.source for one in texts)
    print(f"{len(texts)} texts: {dict(trained_on)}")
    calibration = without_copies(distinct(benign.calibrated_on()), texts).texts
    made = head(kinds.TOXICITY.name, texts, calibration, LEAST_WORDS)
    model = Model(table.TOXICITY.version, (made,), dict(sorted(trained_on.items())))
    MODEL.write_bytes(msgspec.msgpack.encode(model))
    print(f"{MODEL}: {MODEL.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
