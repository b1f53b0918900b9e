"""Long runs of invented dialogue within one message: many-shot jailbreaking (Anil et al., 2024).

A transcript of a meeting has many speakers too, but not these: who asks and who answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmmonitor_api.interactions import kinds, table
from llmmonitor_sidecar.detectors.finding import Finding
from llmmonitor_sidecar.detectors.said import Message

TURNS = 16
"""Answers from which on a run is long: fewer examples are few-shot prompting, which is good practice."""
CHARACTERS = 131_072
_ASKS = (
    r"user|human|person|question|q|customer|prompt|instruction|input|benutzer|usuario|utilisateur|用户|問|问"
)
_ANSWERS = (
    r"assistant|ai|bot|chatbot|model|gpt|chatgpt|answer|a|response|output|asistente|antwort|réponse|助手|答"
)
_ASKED = re.compile(rf"^\W{{0,4}}(?:{_ASKS})\W{{0,3}}[:：]", re.IGNORECASE | re.MULTILINE)  # noqa: RUF001
_ANSWERED = re.compile(rf"^\W{{0,4}}(?:{_ANSWERS})\W{{0,3}}[:：]", re.IGNORECASE | re.MULTILINE)  # noqa: RUF001
_LEAST_COLONS = 2 * TURNS


def judge(message: Message) -> Iterator[Finding]:
    """Whether a message holds one."""
    text = message.text[:CHARACTERS]
    if text.count(":") + text.count("：") < _LEAST_COLONS:  # noqa: RUF001 - the full-width colon
        return
    turns = min(len(_ASKED.findall(text)), len(_ANSWERED.findall(text)))
    if turns >= TURNS:
        facts = table.MANY_SHOT
        yield Finding(kinds.MANY_SHOT.name, facts.name, facts.version, message.origin, verified=True)
