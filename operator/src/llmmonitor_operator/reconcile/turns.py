"""Turns at thinking: some monitors at once, and first those whose pass has reports in its hands.

Reports of ten thousand pods take a gigabyte while they are decoded. Where passes come behind, they shall wait
before they ask for reports, and not with them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Two lines before one door; whoever stands in the first goes before all of the second."""

    def __init__(self, at_once: int) -> None:
        """Args: at_once: how many have a turn at the same time."""
        self._free = at_once
        self._first: deque[asyncio.Future[None]] = deque()
        self._second: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def taken(self, *, first: bool = False) -> AsyncIterator[None]:
        """A turn, as long as the block lasts; within each line in the order in which they came."""
        await self._take(self._first if first else self._second)
        try:
            yield
        finally:
            self._give()

    async def _take(self, line: deque[asyncio.Future[None]]) -> None:
        if self._free:
            self._free -= 1
            return
        called = asyncio.get_running_loop().create_future()
        line.append(called)
        try:
            await called
        except asyncio.CancelledError:
            if not called.cancelled():  # it was called, and does not come
                self._give()
            raise

    def _give(self) -> None:
        for line in (self._first, self._second):
            while line:
                called = line.popleft()
                if not called.done():
                    called.set_result(None)
                    return
        self._free += 1
