"""What came of the owner's checks on requests (`spec.requests`): numbers that add, and words of the owner's.

A detail says what of a check was broken: a role, a language, a keyword of the owner's schema, the name of a
parameter that some engine knows. Never a word that only a client said.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from llmmonitor_api.report.values import Count, Name

LANGUAGES: Final = "languages"
ROLES: Final = "roles"
JSON_SCHEMA: Final = "jsonSchema"
INVALID_SCHEMAS: Final = "invalidSchemas"
CONTEXT_OVERFLOW: Final = "contextOverflow"
UNKNOWN_PARAMETERS: Final = "unknownParameters"
CHECKS: Final = (LANGUAGES, ROLES, JSON_SCHEMA, INVALID_SCHEMAS, CONTEXT_OVERFLOW, UNKNOWN_PARAMETERS)
"""All of them, as the spec calls them."""
CHECKS_LIMIT: Final = 16
DETAILS_LIMIT: Final = 64
OTHER: Final = "other"
"""The detail of those beyond the limit."""


class CheckCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Requests, by one check."""

    valid: Count = 0
    invalid: Count = 0


class RequestCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of it, by the setting in force."""

    setting: Name = ""
    """`RequestChecksSetting.digest` of what is checked; empty: nothing. By another one counts begin anew."""
    exchanges: Count = 0
    """Generating exchanges that ended."""
    valid: Count = 0
    """Those that pass every check that could be made of them."""
    invalid: Count = 0
    """Those that break one; the others were not checked, for want of time or because they were too long."""
    checks: Annotated[dict[Name, CheckCounts], msgspec.Meta(max_length=CHECKS_LIMIT)] = {}
    """By check; of one that could not be made it counts nothing."""
    details: Annotated[dict[Name, Count], msgspec.Meta(max_length=DETAILS_LIMIT)] = {}
    """Invalid ones by `detail_key`."""
    too_large: Count = 0
    """Those not held against the owner's schema: that would have taken too long. If another check could be
    made of one, it is valid or invalid by that."""


def detail_key(check: str, detail: str) -> str:
    """`roles: developer`."""
    return f"{check}: {detail}"
