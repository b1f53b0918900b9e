"""One record of the audit chain, and the bytes that the next one's hash is of.

A record is one line of JSON, kept as it was written: whoever verifies hashes those bytes, and never what a
later version would write in their place. No content is in it, and no client: only who, what and how many.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from typing import Annotated

import msgspec

from llmmonitor_api.report.values import Count
from llmmonitor_api.shortened import shortened

WHO_LIMIT, WHY_LIMIT, ABOUT_LIMIT = 256, 512, 256
"""Characters."""
FIELDS_LIMIT = 32


class What(StrEnum):
    """What is recorded."""

    SPEC_CHANGED = "SpecChanged"
    """A generation of the spec came into force, the first one included."""
    ACCEPTED = "Accepted"
    """The owner took what is for normal: the baseline of drift began anew."""
    LOOK = "Look"
    """A redacted case was shown to somebody."""
    VERDICT = "Verdict"
    """Somebody judged one."""
    SUSPENDED = "Suspended"
    """A detector's limit is not judged any more, for what people's verdicts say of it."""
    RESUMED = "Resumed"
    """It is judged again."""
    ERASED = "Erased"
    """What was kept of one client was erased on request."""
    TRIMMED = "Trimmed"
    """The oldest records went, for their age; `count` is the number of the last that is gone."""
    LOST = "Lost"
    """Records that had been written were not there any more; `count` is how many."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did, before it has its place in the chain."""

    who: str
    """The user's name, by TokenReview; where the API server does not tell, what is known, in words."""
    what: What
    about: str = ""
    """A generation, a case, a detector."""
    why: str = ""
    """The person's own words, or the rule."""
    count: int = 1
    """How many things it is about."""
    fields: dict[str, str] = {}
    """Of a spec: each top-level field, with the begin of its digest."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry in its place."""

    number: Annotated[int, msgspec.Meta(ge=1)]
    """From 1, without a gap."""
    at: Annotated[str, msgspec.Meta(max_length=32)]
    """When, in UTC (RFC 3339)."""
    who: Annotated[str, msgspec.Meta(max_length=WHO_LIMIT)]
    what: Annotated[str, msgspec.Meta(max_length=32)]
    """Of `What`, or of a later version's."""
    before: Annotated[str, msgspec.Meta(max_length=64)]
    """SHA-256 of the record before, of `beginning` for the first."""
    about: Annotated[str, msgspec.Meta(max_length=ABOUT_LIMIT)] = ""
    why: Annotated[str, msgspec.Meta(max_length=WHY_LIMIT)] = ""
    count: Count = 1
    fields: Annotated[dict[str, str], msgspec.Meta(max_length=FIELDS_LIMIT)] = {}


def record_of(entry: Entry, number: int, before: str, at: str) -> Record:
    """The entry in its place; texts that are too long are cut, and end with an ellipsis."""
    return Record(
        number=number,
        at=at,
        who=shortened(entry.who, WHO_LIMIT),
        what=entry.what.value,
        before=before,
        about=shortened(entry.about, ABOUT_LIMIT),
        why=shortened(entry.why, WHY_LIMIT),
        count=entry.count,
        fields=dict(list(entry.fields.items())[:FIELDS_LIMIT]),
    )


def line_of(record: Record) -> str:
    """As it is kept."""
    return msgspec.json.encode(record).decode()


def read(line: str) -> Record:
    """The record in a line.

    Raises:
        ValueError: it is none.
    """
    try:
        return msgspec.json.decode(line, type=Record)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from error


def digest(line: str) -> str:
    """SHA-256 of the bytes, in hexadecimal digits."""
    return sha256(line.encode()).hexdigest()


def beginning(monitor_uid: str) -> str:
    """What stands in the first record in place of the one before: a chain is one monitor's alone."""
    return digest(f"llm-monitor audit of {monitor_uid}")
