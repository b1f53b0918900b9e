"""What detectors found in what was said, as it adds: numbers only, never any text.

An exchange counts once per kind, however often something was found in it. Clients are told apart by a keyed
hash whose key never leaves the sidecar.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from llmmonitor_api.report.values import Count, Name, Seconds, Share, Text

KINDS_LIMIT = 64
"""Kinds and own patterns."""
FINDINGS_LIMIT = 512
"""Combinations of kind, detector, version and origin."""


class KindCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Exchanges, by one kind."""

    looked_at: Count = 0
    """In which it was looked for."""
    flagged: Count = 0
    verified: Count = 0
    """Those of them in which it was found beyond doubt."""
    complied: Count = 0
    """Attempts that the model went along with, as far as can be told."""


class InteractionCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of it."""

    exchanges: Count = 0
    """Generating exchanges that ended."""
    looked_at: Count = 0
    """Those whose text was looked at; the others were left out for want of CPU, room or text."""
    cut_short: Count = 0
    """Those of them that took more CPU than one exchange may, so that not every detector saw all."""
    text_characters: Count = 0
    """That detectors were given."""
    cpu_nanoseconds: Count = 0
    """That they took."""
    kinds: Annotated[dict[Name, KindCounts], msgspec.Meta(max_length=KINDS_LIMIT)] = {}
    """By kind (`interactions.kinds`, or `pattern:NAME`): all that are looked for, from the start."""
    findings: Annotated[dict[Name, Count], msgspec.Meta(max_length=FINDINGS_LIMIT)] = {}
    """Exchanges with a finding, by `finding_key`."""
    read_in_part: Count = 0
    """Exchanges looked at with a text too long to be read whole."""


class ClientsSeen(msgspec.Struct, frozen=True, omit_defaults=True):
    """Clients of one replica within the window, at this moment."""

    window_seconds: Seconds = 0.0
    clients: Count = 0
    most_requests: Count = 0
    """Of any one client."""
    most_findings: Annotated[dict[Name, Count], msgspec.Meta(max_length=KINDS_LIMIT)] = {}
    """Of any one client, by kind."""
    with_findings: Annotated[dict[Name, Count], msgspec.Meta(max_length=KINDS_LIMIT)] = {}
    """Clients that a kind was found of."""


class InteractionsState(msgspec.Struct, frozen=True, omit_defaults=True):
    """How detectors are doing at this moment."""

    sampled_share: Share = 1.0
    """Of exchanges, that are looked at now: less than 1 while the CPU allowed does not suffice for all."""
    waiting: Count = 0
    """Exchanges not looked at yet."""
    clients: ClientsSeen = ClientsSeen()
    refused_patterns: Annotated[dict[Name, Text], msgspec.Meta(max_length=KINDS_LIMIT)] = {}
    """Own patterns that RE2 does not take, with why."""


def finding_key(kind: str, detector: str, version: int, origin: str) -> str:
    """The key of a finding: its labels, spelled unambiguously."""
    return msgspec.json.encode([kind, detector, str(version), origin]).decode()
