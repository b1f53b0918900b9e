"""Answers that tell reports again and again when a test says so, and not by the clock."""

from __future__ import annotations

import asyncio

from llmmonitor_sidecar.endpoints.repeating import WRITE_SECONDS, Repeating


class ToldByHand(Repeating):
    """Each answer waits for `go_on`, or until it is ended."""

    def __init__(self, write_seconds: float = WRITE_SECONDS) -> None:
        super().__init__(self._set_by_hand, write_seconds)
        self._go: list[asyncio.Event] = []
        self.waits: list[float] = []
        """Until when the next report would be waited for, of the loop's clock."""

    @property
    def waiting(self) -> int:
        """Answers that are under way."""
        return len(self._go)

    def is_waiting(self) -> bool:
        """Whether there is one."""
        return bool(self._go)

    def go_on(self) -> None:
        """As if the time of the next report had come, for all."""
        for go in self._go:
            go.set()

    async def _set_by_hand(self, ended: asyncio.Event, when: float) -> bool:
        self.waits.append(when)
        go = asyncio.Event()
        self._go.append(go)
        either = [asyncio.ensure_future(one.wait()) for one in (go, ended)]
        try:
            async with asyncio.timeout(10):
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._go.remove(go)
            for one in either:
                one.cancel()
        return ended.is_set()
