"""The language of a text: by its script, and where scripts are shared by the commonest words of languages.

Function words are some 40 % of any prose and rarely another language's (Grefenstette, Comparing two language
identification schemes, JADT 1995). Lists are our own and short, so texts of few words are often of no
language that is told: `latin`. What looks like a program and says nothing is `code`. How often it is
right: `bench/results/text_drift.md`. The owner's check on requests needs another thing: `checks.languages`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

from llmmonitor_api.report.features import LANGUAGE_CODES
from llmmonitor_sidecar.text_features.stop_words import LETTERS, STOP_WORDS

NONE = LANGUAGE_CODES.index("none")
_OTHER, _LATIN, _CODE = (LANGUAGE_CODES.index(name) for name in ("other", "latin", "code"))
_SCRIPTS: tuple[tuple[int, int, str], ...] = (
    (0x41, 0x5A, "latin"),
    (0x61, 0x7A, "latin"),
    (0xC0, 0x24F, "latin"),
    (0x370, 0x3FF, "el"),
    (0x400, 0x52F, "cyrillic"),
    (0x590, 0x5FF, "he"),
    (0x600, 0x6FF, "ar"),
    (0x750, 0x77F, "ar"),
    (0x900, 0x97F, "hi"),
    (0x980, 0x9FF, "bn"),
    (0xB80, 0xBFF, "ta"),
    (0xC00, 0xC7F, "te"),
    (0xE00, 0xE7F, "th"),
    (0x1E00, 0x1EFF, "latin"),
    (0x3040, 0x30FF, "ja"),
    (0x3400, 0x9FFF, "zh"),
    (0xAC00, 0xD7AF, "ko"),
)
_BEGINS = [begin for begin, _, _ in _SCRIPTS]
_SAMPLED = 64
"""Characters, evenly spread, by which the script is told."""
_LATIN_COUNTS = 0.25
"""A Latin letter beside others: names, units and programs stand in every script."""
_FEW_OTHERS = 0.05
"""Bytes beyond one for each character, up to which a text is of Latin letters: quotes and accents."""
_KANA = 0.05
"""Of Japanese text at least; Chinese has none."""
_LETTERS_OF = (
    ("cyrillic", "uk", re.compile("[іїєґІЇЄҐ]")),
    ("cyrillic", "ru", re.compile("[ыэёЫЭЁ]")),
    ("ar", "fa", re.compile("[پچژگی]")),
)
"""Letters that one language has and the others of its script have not."""
_LETTERS = re.compile(f"[{''.join(LETTERS)}]")
_LEAST_SHARE = 0.08
_FEW_WORDS = range(4, 7)
"""Of so few one is enough, if no other language has any."""
_SIGNS_OF_CODE = "{}()[];=<>_#/\\|"
_SHARE_OF_CODE = 0.06


def language(text: str, words: Sequence[bytes]) -> int:
    """An index of `LANGUAGE_CODES`.

    Args:
        text: as it is.
        words: of it, as `words` gives them.
    """
    others = len(text.encode("utf-8", "replace")) - len(text)
    latin = others <= _FEW_OTHERS * len(text)
    script = "latin" if latin else _script(text[:: len(text) // _SAMPLED + 1])
    if not words or not script:
        return NONE if not text.strip() else _CODE if not script else _OTHER
    if script != "latin":
        return LANGUAGE_CODES.index(_of_script(script, text))
    found = _by_words(words, text)
    if found is not None:
        return found
    signs = sum(map(text.count, _SIGNS_OF_CODE))
    return _CODE if signs > _SHARE_OF_CODE * len(text) else _LATIN


def _script(sample: str) -> str:
    """Empty where there are no letters."""
    found: Counter[str] = Counter()
    for character, times in Counter(sample).items():
        point = ord(character)
        place = bisect_right(_BEGINS, point) - 1
        if place >= 0 and point <= _SCRIPTS[place][1]:
            found[_SCRIPTS[place][2]] += times
        elif character.isalpha():
            found["other"] += times
    if not found:
        return ""
    if found["ja"] > _KANA * (found["ja"] + found["zh"]):
        found["ja"] += found.pop("zh", 0)
    weighted = {name: n * _LATIN_COUNTS if name == "latin" else n for name, n in found.items()}
    return max(weighted, key=lambda name: weighted[name])


def _of_script(script: str, text: str) -> str:
    for of, name, letters in _LETTERS_OF:
        if script == of and letters.search(text):
            return name
    return script


def _by_words(words: Sequence[bytes], text: str) -> int | None:
    hits: dict[int, int] = {}
    known = STOP_WORDS.get
    for word in words:
        for code in known(word, ()):
            hits[code] = hits.get(code, 0) + 1
    if not text.isascii():
        for letter in set(_LETTERS.findall(text)):
            hits[LETTERS[letter]] = hits.get(LETTERS[letter], 0) + 1
    if not hits:
        return None
    best = max(hits, key=lambda code: (hits[code], -code))
    most = hits[best]
    if most < max(2, _LEAST_SHARE * len(words)) and not (most == 1 and len(words) in _FEW_WORDS):
        return None
    if most == 1 and len(hits) > 1:
        return None
    return best
