"""The key by which a monitor's clients are known for a day, while versions are compared or cases are kept.

Made by the leader, kept in its memory alone, and gone with it, with the day, or with one of the versions:
what was counted under it can then be linked to nobody any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from secrets import token_bytes, token_hex

from llmmonitor_api.spec.privacy import Privacy
from llmmonitor_operator.versions.history import History
from llmmonitor_operator.versions.side_by_side import run_side_by_side

DAY_SECONDS = 86_400.0
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class DayKey:
    """One."""

    header: str
    """The request header whose value it is for."""
    id: str
    secret: bytes = field(repr=False)
    made_at: float
    """Unix seconds."""


def day_key(known: DayKey | None, privacy: Privacy, history: History, now: float) -> DayKey | None:
    """The key of now; None while nothing needs clients told apart, or nothing tells them apart.

    Versions that are compared need it, and a review: its cases are drawn by client, and erased by client.
    """
    header = privacy.client_header
    if not header or not (run_side_by_side(history) or privacy.review is not None):
        return None
    if known is not None and known.header == header and 0 <= now - known.made_at < DAY_SECONDS:
        return known
    return DayKey(header, token_hex(8), token_bytes(_KEY_BYTES), now)
