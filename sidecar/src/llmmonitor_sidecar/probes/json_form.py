"""Whether an answer, read as JSON, fulfils the owner's schema."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from llmmonitor_sidecar.json_schema import NoVerdict, Schema

_FENCE = re.compile(r"\A\s*```(?:json)?[ \t]*\n(.*?)\n?```\s*\Z", re.DOTALL)


def fulfils(answer: str, schema: dict[str, Any]) -> bool:
    """Whether the answer is JSON, alone or in one fence of Markdown, and the schema takes it.

    A schema that is none takes nothing, and neither does one that tells nothing within its steps.
    """
    fenced = _FENCE.match(answer)
    try:
        value = msgspec.json.decode((fenced[1] if fenced else answer).strip())
    except (msgspec.MsgspecError, RecursionError):
        return False
    try:
        return Schema(schema).broken_at(value) is None
    except NoVerdict:
        return False
