"""Times as the API server writes them (`2026-01-02T03:04:05Z`), as Unix seconds."""

from __future__ import annotations

from datetime import UTC, datetime


def unix_seconds(written: object) -> float | None:
    """The moment, or None for anything that is none."""
    if not isinstance(written, str):
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
