"""An answer of HTTP before any framework has seen it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from llmmonitor_api.signing.refusal import Refused, RefusedReason

JSON = "application/json"

_STATUS_OF_REFUSAL = {
    RefusedReason.MISSING: 401,
    RefusedReason.MALFORMED: 400,
    RefusedReason.TOO_LARGE: 413,
    RefusedReason.OLD_GENERATION: 409,
    RefusedReason.REPLAYED: 409,
    RefusedReason.TOO_MANY: 429,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and what the body is."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


def as_json(content: dict[str, Any], status: int = 200) -> Answer:
    """`content` as JSON."""
    return Answer(status, msgspec.json.encode(content))


def error(status: int, reason: str, message: str) -> Answer:
    """Why it did not go: `reason` for programs, `message` for people."""
    return as_json({"error": {"reason": reason, "message": message}}, status)


def refusal(refused: Refused) -> Answer:
    """A refusal with the status that HTTP has for it; 403 where it has none of its own."""
    answer = error(_STATUS_OF_REFUSAL.get(refused.reason, 403), refused.reason, str(refused))
    if refused.reason is RefusedReason.MISSING:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
