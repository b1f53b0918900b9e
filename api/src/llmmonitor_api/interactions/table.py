"""The detectors: what each is called, which version of it this is, what it finds and how.

A detector is a file of the sidecar and a line here. Its version grows with everything that changes what it
finds: counts of two versions are never added up. What each is worth is measured by `make bench-detectors`
and stands in docs/interactions.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from llmmonitor_api.interactions import kinds
from llmmonitor_api.interactions.kinds import Kind


@dataclass(frozen=True, slots=True)
class DetectorFacts:
    """One detector."""

    name: str
    version: int
    kinds: tuple[Kind, ...]
    method: str
    """For people."""
    verified: str
    """Which of its findings count under a limit of zero."""
    precision_floor: float = 0.5
    """The share of its findings that must be right, by people's verdicts, or it is suspended: what is more
    often wrong than right nobody should act on."""


_RARE: Final = 0.1
"""Attacks are rare and dear: one in ten that is one is worth a look."""
INJECTION_RULES: Final = DetectorFacts(
    "injection-rules",
    1,
    (kinds.PROMPT_INJECTION, kinds.JAILBREAK, kinds.PROMPT_EXTRACTION),
    "Patterns of what such requests ask for, in nine languages; also of what encodings hide.",
    "none by itself: see injection-model",
    precision_floor=_RARE,
)
INJECTION_MODEL: Final = DetectorFacts(
    "injection-model",
    1,
    (kinds.PROMPT_INJECTION, kinds.JAILBREAK),
    "Logistic regression on hashed words and pairs of words, over each message and over the last turns.",
    "where injection-rules says the same, or the model complied",
    precision_floor=_RARE,
)
LEAKAGE: Final = DetectorFacts(
    "leakage",
    1,
    (kinds.PROMPT_EXTRACTION,),
    "Runs of eight words that answer and system prompt share, and that the user did not write.",
    "all",
)
PII: Final = DetectorFacts(
    "pii",
    1,
    (kinds.PII_RECEIVED, kinds.PII_EXPOSED),
    "Card numbers (Luhn), IBANs (mod 97), US social security numbers (ranges issued), e-mail addresses, "
    "phone numbers, public IP addresses; none that are reserved for examples.",
    "those with a checksum, and e-mail addresses",
)
SECRETS: Final = DetectorFacts(
    "secrets",
    1,
    (kinds.SECRETS_EXPOSED,),
    "Prefixes and lengths of the issuers' keys, GitHub's and npm's by their checksum; private keys; JWTs.",
    "those with a checksum, private keys, and JWTs",
)
REFUSALS: Final = DetectorFacts(
    "refusals",
    1,
    (kinds.REFUSALS,),
    "How refusals begin, in nine languages; the API's own refusals and content filter.",
    "what the API itself calls a refusal",
)
TOXICITY: Final = DetectorFacts(
    "toxicity",
    1,
    (kinds.TOXICITY, kinds.TOXICITY_RECEIVED),
    "Logistic regression on hashed words and pairs of words, in English.",
    "none: a limit of zero never fails by it",
)
REPETITION: Final = DetectorFacts(
    "repetition",
    1,
    (kinds.REPETITION,),
    "An end that has a period, or a text that compresses tenfold.",
    "all",
)
EMPTY: Final = DetectorFacts(
    "empty-or-truncated",
    1,
    (kinds.EMPTY_ANSWERS, kinds.TRUNCATED),
    "A complete answer without output; the finish reason `length`.",
    "all",
)
MANY_SHOT: Final = DetectorFacts(
    "many-shot", 1, (kinds.MANY_SHOT,), "Lines of one message that begin with a speaker's name.", "all"
)
ENCODINGS: Final = DetectorFacts(
    "encodings",
    1,
    (kinds.ENCODED_CONTENT,),
    "Base64 that decodes to words; words of two alphabets; invisible characters within words; tags.",
    "all",
)
OWN_PATTERNS: Final = DetectorFacts(
    "own-patterns", 1, (), "The owner's regular expressions, by RE2 in linear time.", "all"
)

DETECTORS: Final = (
    INJECTION_RULES,
    INJECTION_MODEL,
    LEAKAGE,
    PII,
    SECRETS,
    REFUSALS,
    TOXICITY,
    REPETITION,
    EMPTY,
    MANY_SHOT,
    ENCODINGS,
    OWN_PATTERNS,
)
