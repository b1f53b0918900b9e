"""Answers without output, and answers cut at a length limit: as the server itself says."""

from __future__ import annotations

from collections.abc import Iterator

from llmmonitor_api.interactions import kinds, table
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.detectors.finding import Finding, Heard

_CUT = "length"


def judge(heard: Heard) -> Iterator[Finding]:
    """Either of both."""
    facts = table.EMPTY
    if heard.empty:
        yield Finding(kinds.EMPTY_ANSWERS.name, facts.name, facts.version, Origin.ANSWER, verified=True)
    if _CUT in heard.finish_reasons:
        yield Finding(kinds.TRUNCATED.name, facts.name, facts.version, Origin.ANSWER, verified=True)
