"""What a text of a corpus is, and how texts that are nearly the same are kept apart.

A split is by source: all texts of one go to training, calibration or test. Sources copy from one another, so
a text of a test source that shares many runs of five words with any training text is left out, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PACKAGES = Path(".cache/detectors/packages")
"""Where `make` unpacks what requirements/detectors.txt names."""
RUN = 5
TOO_MUCH_SHARED = 0.3


@dataclass(frozen=True, slots=True)
class Text:
    """One message."""

    source: str
    text: str
    kind: str = ""
    """What it is an attempt at; empty: benign."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Texts of test sources that are no copies."""

    texts: tuple[Text, ...]
    left_out: int


def runs(text: str) -> frozenset[int]:
    """Hashes of all runs of words."""
    words = re.findall(r"\w+", text.lower())
    return frozenset(hash(tuple(words[at : at + RUN])) for at in range(max(1, len(words) - RUN + 1)))


def without_copies(texts: Iterable[Text], known: Iterable[Text]) -> Kept:
    """Those that share little with every known text together."""
    seen: set[int] = set().union(*(runs(one.text) for one in known))
    kept, left_out = [], 0
    for one in texts:
        own = runs(one.text)
        if len(own & seen) > TOO_MUCH_SHARED * len(own):
            left_out += 1
        else:
            kept.append(one)
    return Kept(tuple(kept), left_out)


def distinct(texts: Iterable[Text]) -> list[Text]:
    """Each text once, the first of them."""
    return list({one.text: one for one in reversed(list(texts))}.values())[::-1]
