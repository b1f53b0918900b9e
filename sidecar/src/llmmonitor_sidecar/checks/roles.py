"""Messages have the roles that the owner expects."""

from __future__ import annotations

import msgspec

from llmmonitor_api.configuration import RequestChecksSetting
from llmmonitor_api.report.requests import OTHER
from llmmonitor_sidecar.checks.request import Request

_KNOWN = frozenset({"system", "developer", "user", "assistant", "tool", "function", "model", "context"})
"""Told by name; any other word is a client's own."""


class _Message(msgspec.Struct):
    role: str | None = None


def check(request: Request, setting: RequestChecksSetting) -> str | None:
    """Of chats; a text alone has no role."""
    try:
        given = request.fields.get("messages") or request.fields["input"]
        messages = msgspec.json.decode(given, type=list[_Message])
    except (KeyError, msgspec.MsgspecError, RecursionError):
        return None
    found = {one.role for one in messages if one.role is not None} - {*setting.roles}
    if not found:
        return ""
    role = min(found)
    return role if role in _KNOWN else OTHER
