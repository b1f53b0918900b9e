"""When the analyser rests, and what ends that at once.

Stopped, and without a relay that could bring copies, there is nothing to look at: each loop of the analyser
then looks once in `REST_SECONDS` (at memory, at a clock that was put right). Nobody waits for these looks:
questions are answered when they are asked, and the document that ends the stop ends the pauses. The
supervisor looks as seldom, so it is woken when there is news for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

from llmmonitor_sidecar.shared_page import SharedPage, Slot

REST_SECONDS = 5.0


def wake_supervisor() -> None:
    """As the death of a child does: a signal that means nothing to whoever does not wait for it."""
    with contextlib.suppress(OSError):  # it looks by itself, only later
        os.kill(os.getppid(), signal.SIGCHLD)


class Rest:
    """Of one analyser; made and used in its loop."""

    def __init__(self, page: SharedPage, wake: Callable[[], None] = wake_supervisor) -> None:
        """`wake` is called when there is news for the supervisor on the page."""
        self._page = page
        self._wake = wake
        self._at_work = asyncio.Event()
        self._at_work.set()

    def ask(self, *, stop: bool, hand_over: bool) -> None:
        """Put down what is asked of the supervisor now, and begin or end the rest accordingly."""
        page, asked = self._page, {Slot.STOP_REQUESTED: stop, Slot.HAND_OVER_REQUESTED: hand_over}
        news = any(page[slot] != wanted for slot, wanted in asked.items())
        for slot, wanted in asked.items():
            page[slot] = wanted
        if news:
            self._wake()
        if stop and not page[Slot.HEARTBEAT_NS]:
            self._at_work.clear()
        else:
            self._at_work.set()

    async def pause(self, seconds: float) -> None:
        """Between two looks: so long at work; at rest `REST_SECONDS`, or until there is work again."""
        if self._at_work.is_set():
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REST_SECONDS):
                await self._at_work.wait()
