"""A redacted case on its way from a sidecar's memory to the person who judges it, and what is said of it.

The case itself is sealed to the person's own key (`signing.sealed`), so that the operator, which passes it
on, cannot read it; what stands beside it says how it was drawn, and no text.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from llmmonitor_api.report.values import Count, Moment, Name

PARTS_LIMIT = 13
"""The last messages of a request, and the answers."""
PART_CHARACTERS = 4_000
CASE_CHARACTERS = 16_000
SEALED_LIMIT = 128 * 1024
"""Bytes of a sealed case: four a character, twice for JSON's escapes at worst, and room."""
UNFLAGGED = "unflagged"
VERIFIED, SUSPECTED = "verified", "suspected"
_Text = Annotated[str, msgspec.Meta(max_length=PART_CHARACTERS + 64)]


class Verdict(StrEnum):
    """What a person says of a case."""

    RIGHT = "right"
    """It is what the detector says; of an unflagged one: there is nothing in it."""
    WRONG = "wrong"
    """It is not; of an unflagged one: something was missed."""
    UNSURE = "unsure"
    """Counted, and in no figure."""


class Part(msgspec.Struct, frozen=True):
    """One message or answer, redacted."""

    origin: Name
    """Of `interactions.kinds.Origin`."""
    text: _Text


class Case(msgspec.Struct, frozen=True):
    """What a person reads."""

    parts: Annotated[tuple[Part, ...], msgspec.Meta(max_length=PARTS_LIMIT)]
    left_out: Count = 0
    """Messages before the first part."""


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """How a case was drawn: one of `sample`, at random, of `population` exchanges that were alike."""

    case: Name
    batch: Name
    """Of cases that were drawn together."""
    kind: Name = ""
    """What was found; empty for an unflagged one."""
    detector: Name = ""
    version: Count = 0
    """Of the detector."""
    band: Name = UNFLAGGED
    """`verified`, `suspected` or `unflagged`."""
    population: Count
    """Exchanges in which this detector found this, of as many clients, in that time."""
    sample: Count
    """Those of them that were kept."""
    of: Count = 0
    """Exchanges of these clients that were looked at in that time; 0: not told."""
    client: Name = ""
    """Tells the cases of one client from others'; a random name for each, of this batch alone."""
    at: Moment
    """Unix seconds."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A case as it leaves the sidecar."""

    pod_uid: Name
    drawn: Drawn
    sealed: Annotated[bytes, msgspec.Meta(max_length=SEALED_LIMIT)]
    """A `Case` as JSON, sealed to the person's key for this pod."""


class Offered(msgspec.Struct, frozen=True):
    """The answer of a sidecar that was asked for a case."""

    offer: Offer | None = None
    """None: it has none."""


class Gone(msgspec.Struct, frozen=True):
    """The answer of a sidecar that was told to drop cases."""

    cases: Count = 0
    others: Count = 0
    """Figures of a client that were kept beside cases."""
