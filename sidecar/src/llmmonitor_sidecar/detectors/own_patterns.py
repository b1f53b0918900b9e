"""The owner's regular expressions, run by RE2: in time linear in the text, whatever the pattern.

Python's own `re` would let one pattern hold the analyser for hours. What RE2 does not take is refused by name
and reported; the others go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import re2

from llmmonitor_api.configuration import PatternSetting
from llmmonitor_api.interactions import table
from llmmonitor_api.interactions.kinds import PATTERN_PREFIX
from llmmonitor_sidecar.detectors.finding import Finding, Heard, ends

CHARACTERS = 65_536
PATTERNS_LIMIT = 20
_MEMORY_BYTES = 4 * 1024 * 1024
"""Of one compiled pattern; RE2 refuses what takes more."""


@dataclass(frozen=True, slots=True)
class OwnPattern:
    """One that compiled."""

    name: str
    search: Any
    input: bool
    output: bool

    @property
    def kind(self) -> str:
        """As reports call it."""
        return PATTERN_PREFIX + self.name


def compiled(settings: Iterable[PatternSetting]) -> tuple[tuple[OwnPattern, ...], dict[str, str]]:
    """The patterns that RE2 takes, and why it does not take the others."""
    found, refused = [], {}
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False
    for one in list(settings)[:PATTERNS_LIMIT]:
        try:
            found.append(
                OwnPattern(one.name, re2.compile(one.pattern, options).search, one.input, one.output)
            )
        except re2.error as error:
            refused[one.name] = _words(error)
    return tuple(found), refused


def judge(heard: Heard, patterns: Iterable[OwnPattern]) -> Iterator[Finding]:
    """Every pattern that is found, once per origin."""
    facts = table.OWN_PATTERNS
    for pattern in patterns:
        origins = set()
        if pattern.input:
            origins |= {one.origin for one in heard.new if pattern.search(ends(one.text, CHARACTERS))}
        if pattern.output:
            origins |= {
                origin
                for origin, texts in heard.output
                if any(pattern.search(ends(one, CHARACTERS)) for one in texts)
            }
        for origin in sorted(origins):
            yield Finding(pattern.kind, facts.name, facts.version, origin, verified=True)


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
