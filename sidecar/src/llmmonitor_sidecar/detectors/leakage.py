"""Answers and tool calls that repeat the system prompt: runs of words that the user did not write.

Eight words in a row are shared by accident about never; a short prompt ("You are a helpful assistant") has no
such run, and nothing to leak.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from llmmonitor_api.interactions import kinds, table
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.detectors.finding import Finding, Heard

RUN = 8
"""Words."""
RUNS = 3
"""That must be shared: ten words in a row, or three runs apart."""
CHARACTERS = 32_768
_WORD = re.compile(r"\w+")


def judge(heard: Heard) -> Iterator[Finding]:
    """Whether an answer or a call repeats it."""
    prompts = [one.text for one in heard.context if one.origin is Origin.SYSTEM]
    if not prompts:
        return
    for origin, texts in heard.output:
        said = set().union(*map(_runs, texts)) if texts else set()
        shared = said & set().union(*map(_runs, prompts)) if said else set()
        if len(shared) >= RUNS:
            others = (one.text for one in heard.context if one.origin is not Origin.SYSTEM)
            shared -= set().union(*map(_runs, others))
        if len(shared) >= RUNS:
            facts = table.LEAKAGE
            yield Finding(kinds.PROMPT_EXTRACTION.name, facts.name, facts.version, origin, verified=True)


def _runs(text: str) -> set[int]:
    """Hashes of all runs."""
    words: Iterable[str] = _WORD.findall(text[:CHARACTERS].lower())
    words = list(words)
    return {hash(tuple(words[at : at + RUN])) for at in range(len(words) - RUN + 1)}
