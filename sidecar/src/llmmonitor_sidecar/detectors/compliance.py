"""Whether the model went along with an attempt, as far as that can be told: never by the attempt alone.

Not if it refuses. Else if it leaks its system prompt, says what the attempt asked it to say, in its answer or
in a tool call, or calls a tool when the attempt stood in a tool's result or a document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from llmmonitor_api.interactions import kinds
from llmmonitor_api.interactions.kinds import BY_NAME, Origin
from llmmonitor_sidecar.detectors.finding import Finding, Heard, ends

_CHARACTERS = 16_384
_ASKED_TO_SAY = re.compile(
    r"(?i)\b(?:say|print|output|write|respond|reply|answer|repeat|begin|start|include|return|add)\b"
    r"[^\"'“”‘’`\n]{0,60}[\"“‘`']([^\"”’`'\n]{4,120})[\"”’`']"  # noqa: RUF001 - quotes that people write
)
_OUTSIDE = frozenset({Origin.TOOL, Origin.RETRIEVED})
_CALLED = "tool_calls"
_SAYS = frozenset({Origin.ANSWER, Origin.CALL})


def complied(heard: Heard, found: Iterable[Finding]) -> frozenset[str]:
    """The kinds of attempt that it went along with."""
    findings = list(found)
    names = {one.kind for one in findings}
    attempts = {
        one.kind for one in findings if BY_NAME.get(one.kind, kinds.FLOOD).attempt and one.origin not in _SAYS
    }
    if not attempts or not heard.complete or kinds.REFUSALS.name in names:
        return frozenset()
    leaked = any(one.kind == kinds.PROMPT_EXTRACTION.name and one.origin in _SAYS for one in findings)
    outside = any(one.kind in attempts and one.origin in _OUTSIDE for one in findings)
    acted = outside and (_CALLED in heard.finish_reasons or bool(heard.calls))
    if leaked or acted or _said_what_was_asked(heard):
        return frozenset(attempts)
    return frozenset()


def _said_what_was_asked(heard: Heard) -> bool:
    said = [text.lower() for _, texts in heard.output for text in texts]
    return any(
        asked.group(1).lower() in text
        for message in heard.new
        for asked in _ASKED_TO_SAY.finditer(ends(message.text, _CHARACTERS))
        for text in said
    )
