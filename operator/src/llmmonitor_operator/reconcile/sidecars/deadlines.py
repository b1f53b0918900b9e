"""Ends what is waited for too long, by one timer for all.

Hundreds of reports a second are waited for, and nearly all come: a timer and a context for each took a
tenth of what asking takes. As all may take equally long, who began first is looked at first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

_TOGETHER_SECONDS = 0.25
"""By which a wait may be ended late, so that all that end about then are ended at once."""


class Waiting(Protocol):
    """Who waits, many times one after the other."""

    def give_up(self, number: int) -> None:
        """End this wait, if it is still under way."""


class Deadlines:
    """Of waits that may take `seconds` each."""

    def __init__(self, seconds: float) -> None:
        """Nobody waits yet."""
        self.seconds = seconds
        self._begun: deque[tuple[float, Waiting, int]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, who: Waiting, number: int) -> None:
        """Its wait of this number begins now."""
        loop = asyncio.get_running_loop()
        self._begun.append((loop.time() + self.seconds, who, number))
        if self._timer is None:
            self._timer = loop.call_later(self.seconds, self._look)

    def close(self) -> None:
        """End no wait any more."""
        self._begun.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._begun and self._begun[0][0] <= now:
            _, who, number = self._begun.popleft()
            who.give_up(number)
        left = self._begun[0][0] - now if self._begun else None
        self._timer = None if left is None else loop.call_later(max(left, _TOGETHER_SECONDS), self._look)
