"""Arrivals and lengths of real production traffic, scaled to a small model on a small machine.

Source: Azure LLM inference trace 2023, conversation (CC-BY 4.0, Microsoft; Patel et al., "Splitwise", ISCA
2024): `bench/data/`. The shape is kept (bursts, the mix of short and long); rates and lengths are scaled.
"""

from __future__ import annotations

import csv
import gzip
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

FILE = "azure_llm_conv.csv.gz"
_ROWS = 2_000
_PROMPT_WORDS = (4, 60)
_COMPLETION_TOKENS = (8, 48)
_PROMPT_SCALE = 1 / 24
_COMPLETION_SCALE = 1 / 6


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request of the trace."""

    gap_seconds: float
    """Since the one before, at a mean rate of one request a second."""
    prompt_words: int
    completion_tokens: int


def arrivals(seed: int = 0) -> Iterator[Arrival]:
    """The trace's requests from a place chosen by `seed`, again and again."""
    rows = _rows(_path())
    start = (seed * 97) % len(rows)
    return itertools.islice(itertools.cycle(rows), start, None)


def _path() -> Path:
    packaged = Path(__file__).with_name("data") / FILE
    return packaged if packaged.exists() else Path(__file__).parents[4] / "bench" / "data" / FILE


def _rows(path: Path) -> list[Arrival]:
    with gzip.open(path, "rt", newline="") as file:
        rows = list(itertools.islice(csv.DictReader(file), _ROWS))
    times = [datetime.fromisoformat(row["TIMESTAMP"][:26]).timestamp() for row in rows]
    mean_gap = (times[-1] - times[0]) / (len(times) - 1)
    gaps = [0.0, *(later - earlier for earlier, later in itertools.pairwise(times))]
    return [
        Arrival(
            gap_seconds=gap / mean_gap,
            prompt_words=_within(int(row["ContextTokens"]) * _PROMPT_SCALE, _PROMPT_WORDS),
            completion_tokens=_within(int(row["GeneratedTokens"]) * _COMPLETION_SCALE, _COMPLETION_TOKENS),
        )
        for row, gap in zip(rows, gaps, strict=True)
    ]


def _within(value: float, limits: tuple[int, int]) -> int:
    low, high = limits
    return max(low, min(high, round(value)))
