"""How the review buffer of one replica is filled at this moment: numbers, and no text."""

from __future__ import annotations

import msgspec

from llmmonitor_api.report.values import Count, Seconds


class ReviewState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The redacted cases that wait in a sidecar's memory."""

    waiting: Count = 0
    oldest_seconds: Seconds = 0.0
    """Age of the oldest one; 0 without any."""
