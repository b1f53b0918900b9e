"""The request's body fulfils the owner's JSON schema."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from llmmonitor_api.configuration import RequestChecksSetting
from llmmonitor_sidecar.checks.request import Request
from llmmonitor_sidecar.json_schema import NoVerdict, Schema, TooLarge

STEPS: Final = 2_048
"""Of one body: less than 40 ms of CPU at the worst, 10 of an ordinary one with 300 messages."""


def check(request: Request, setting: RequestChecksSetting) -> str | None:
    """The detail is the keyword of the schema that is broken; what is no JSON fulfils no schema.

    Raises:
        TooLarge: to tell would take longer than one request may.
    """
    schema = _ready(msgspec.json.encode(setting.json_schema))
    if not schema.valid:
        return None
    try:
        value = msgspec.json.decode(request.body)
    except (ValueError, RecursionError):
        return "no JSON"
    try:
        broken = schema.broken_at(value, STEPS)
    except TooLarge:
        raise
    except NoVerdict:
        return None
    return "" if broken is None else broken or "a reference or pattern that cannot be used"


@lru_cache(maxsize=1)
def _ready(schema: bytes) -> Schema:
    return Schema(msgspec.json.decode(schema))
