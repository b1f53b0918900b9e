"""Answers caught in a loop: their end has a period, or they compress far more than any language does."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from llmmonitor_api.interactions import kinds, table
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.detectors.finding import Finding, Heard

TAIL = 600
"""Characters of the end that are looked at for a period."""
_LONGEST_PERIOD = 150
_LEAST_REPEATS = 4
_LEAST_LOOP = 120
"""Characters that the repeats must cover: a list of short answers is no loop."""
_COMPRESSED_FROM = 1_000
_COMPRESSES = 10.0
"""Times; prose compresses two to three times, tables and code up to six."""


def loops(text: str) -> bool:
    """Whether `text` ends in a loop, or is one."""
    text = text.rstrip()
    if len(text) < _LEAST_LOOP:
        return False
    if _period(text[-TAIL:]):
        return True
    if len(text) < _COMPRESSED_FROM:
        return False
    raw = text.encode("utf-8", "replace")
    return len(raw) / len(zlib.compress(raw, 1)) >= _COMPRESSES


def _period(tail: str) -> bool:
    """By the failure function of the reversed tail (Knuth, Morris, Pratt 1977).

    Where four repeats cover LEAST_LOOP characters, the last quarter of these stands a period earlier too: few
    texts get past that, and so to the rest.
    """
    if tail.find(tail[-_LEAST_LOOP // _LEAST_REPEATS :], 0, len(tail) - 1) < 0:
        return False
    backwards = tail[::-1]
    fails = [0] * len(backwards)
    length = 0
    for place in range(1, len(backwards)):
        while length and backwards[place] != backwards[length]:
            length = fails[length - 1]
        if backwards[place] == backwards[length]:
            length += 1
        fails[place] = length
        covered = place + 1
        period = covered - length
        if (
            covered >= _LEAST_LOOP
            and period <= _LONGEST_PERIOD
            and covered >= _LEAST_REPEATS * period
            and any(one.isalnum() for one in backwards[:period])
        ):
            return True
    return False


def judge(heard: Heard) -> Iterator[Finding]:
    """Any choice loops."""
    if any(loops(answer) for answer in heard.answers):
        facts = table.REPETITION
        yield Finding(kinds.REPETITION.name, facts.name, facts.version, Origin.ANSWER, verified=True)
