"""Texts cut to what there is room for: in conditions, Events, records and pictures."""

from __future__ import annotations


def shortened(text: str, limit: int) -> str:
    """In at most so many characters; what was cut ends with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
