"""What probes may use within any 24 hours, this replica's part of it: counted in cells of an hour."""

from __future__ import annotations

HOUR = 3600.0
HOURS = 24


class TokenBudget:
    """Tokens spent over the last day; of this life of the analyser."""

    def __init__(self) -> None:
        self._cells: dict[int, int] = {}

    def spend(self, tokens: int, now: float) -> None:
        """Count tokens at `now` (Unix seconds)."""
        cell = int(now // HOUR)
        self._cells[cell] = self._cells.get(cell, 0) + tokens
        self._cells = {at: spent for at, spent in self._cells.items() if at > cell - HOURS}

    def spent(self, now: float) -> int:
        """Within the last day."""
        first = int(now // HOUR) - HOURS
        return sum(spent for at, spent in self._cells.items() if at > first)
