"""Kinds of interaction and origins of text, as reports, metrics and status call them.

A kind that can have a limit is called as `spec.interactions` calls it; the others are information. An own
pattern of the owner's is the kind `pattern:NAME`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Origin(StrEnum):
    """Whose text it is."""

    USER = "user"
    SYSTEM = "system"
    """The system or developer prompt."""
    TOOL = "tool"
    """Results of tools and functions."""
    RETRIEVED = "retrieved"
    """Documents given as such, or between the tags that retrieval programs write."""
    ASSISTANT = "assistant"
    """Earlier answers that the client sends along, real or invented."""
    ANSWER = "answer"
    """What the model says now."""
    CALL = "call"
    """Arguments of the tools that the model calls now."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of interaction.

    Attributes:
        name: as above.
        field: of `spec.interactions`; empty for information, which has no limit.
        of_answers: whether it is a share of the answers looked at, not of the requests.
        attempt: whether a model may comply with it.
        meaning: one sentence.
    """

    name: str
    field: str
    meaning: str
    of_answers: bool = False
    attempt: bool = False


PROMPT_INJECTION: Final = Kind(
    "promptInjection",
    "prompt_injection",
    "Text that would override the model's instructions, most telling in tool results and documents.",
    attempt=True,
)
JAILBREAK: Final = Kind(
    "jailbreak", "jailbreak", "Text that would talk the model out of its rules.", attempt=True
)
PROMPT_EXTRACTION: Final = Kind(
    "promptExtraction",
    "prompt_extraction",
    "Text that asks for the system prompt, or an answer that repeats it.",
    attempt=True,
)
PII_EXPOSED: Final = Kind(
    "piiExposed",
    "pii_exposed",
    "Personal data in an answer that was not in its request's context.",
    of_answers=True,
)
PII_RECEIVED: Final = Kind("piiReceived", "", "Personal data in a request. Information only.")
SECRETS_EXPOSED: Final = Kind(
    "secretsExposed",
    "secrets_exposed",
    "A key or password in an answer that its user did not bring.",
    of_answers=True,
)
REFUSALS: Final = Kind("refusals", "refusals", "An answer that refuses.", of_answers=True)
TOXICITY: Final = Kind(
    "toxicity",
    "toxicity",
    "An answer that insults, threatens, demeans a group or abuses obscenely.",
    of_answers=True,
)
TOXICITY_RECEIVED: Final = Kind("toxicityReceived", "", "The same in a request. Information only.")
REPETITION: Final = Kind(
    "repetition", "repetition", "An answer that repeats itself in a loop.", of_answers=True
)
EMPTY_ANSWERS: Final = Kind(
    "emptyAnswers", "empty_answers", "A successful answer without any output.", of_answers=True
)
TRUNCATED: Final = Kind(
    "truncated", "", "An answer cut at a length limit. Information only.", of_answers=True
)
MANY_SHOT: Final = Kind("manyShot", "many_shot", "A long run of invented dialogue in one message.")
ENCODED_CONTENT: Final = Kind(
    "encodedContent",
    "encoded_content",
    "Text hidden by base64, look-alike letters, or characters that are not shown.",
)
FLOOD: Final = Kind("flood", "flood", "Requests of one client.")

KINDS: Final = (
    PROMPT_INJECTION,
    JAILBREAK,
    PROMPT_EXTRACTION,
    PII_EXPOSED,
    PII_RECEIVED,
    SECRETS_EXPOSED,
    REFUSALS,
    TOXICITY,
    TOXICITY_RECEIVED,
    REPETITION,
    EMPTY_ANSWERS,
    TRUNCATED,
    MANY_SHOT,
    ENCODED_CONTENT,
)
"""Those that are found in text: `flood` is told by counting."""
PATTERN_PREFIX: Final = "pattern:"
BY_NAME: Final = {kind.name: kind for kind in KINDS}
