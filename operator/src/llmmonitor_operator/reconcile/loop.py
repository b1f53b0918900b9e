"""One task per monitor: a pass, then sleep until it is woken or the next report is due.

Wakes are levels, not messages: however many come while a pass runs, one more pass follows. Passes of one
monitor never overlap, so its status has one writer. After a pass that failed nothing wakes it but a change of
the monitor itself, which may be the correction: pods come and go, and would have it fail without end.

What a change of a monitor asks for at once does not wait for its pass, which may stand behind a thousand
others, nor for the one that is under way: it is done beside them, and passes that are due wait a moment for
it.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.monitors import Key

SHORTEST_SECONDS = 1.0
"""Between the begins of two passes of one monitor."""
FAILED_SECONDS = 5.0
"""After a pass that failed, doubled up to `FAILED_LIMIT_SECONDS`."""
FAILED_LIMIT_SECONDS = 120.0
CHANGES_SECONDS = 5.0
"""From a pass that a change brought forward, and that failed too, to the next that one may bring forward."""
HURRY_SECONDS = 1.0
"""So long a pass that is due waits while changes are done: each pass thinks for milliseconds, and fifty of
them keep a change, which goes over the network and back, from being done for seconds."""


class Why(enum.Enum):
    """Why a pass is due."""

    NEWS = enum.auto()
    """Something came, changed or went; or it is the first, or follows one that failed."""
    TIME = enum.auto()
    """Nothing but the time."""


Pass = Callable[[Key, Why], Awaitable[float | None]]
"""One pass; gives in how many seconds the next is due, None when the monitor is gone for good."""

AtOnce = Callable[[Key], Awaitable[None]]
"""What a change of a monitor asks for before its next pass; passes make good for what it leaves."""

SHORTEST_SHARE = 0.95
"""Of the wait for a pass that is due: monitors drift apart."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Wake:
    """Of one monitor, since its last pass began."""

    any: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """The monitor itself."""

    def clear(self) -> None:
        self.any.clear()
        self.changed.clear()


class Loop:
    """Runs a pass for every key it was woken for, once `start` has said what a pass is."""

    def __init__(self, failed: Callable[[], None] = lambda: None) -> None:
        """Args: failed: called for each pass that raised."""
        self._failed = failed
        self._pass: Pass | None = None
        self._at_once: AtOnce | None = None
        self._changed: set[Key] = set()
        """For which `at_once` is to be done (again)."""
        self._hurried: dict[Key, asyncio.Task[None]] = {}
        self._wakes: dict[Key, _Wake] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._within: dict[str, set[Key]] = {}
        """Keys by namespace: ten thousand pods come when leading begins, and each wakes its own."""

    def start(self, one_pass: Pass, at_once: AtOnce | None = None) -> None:
        """From now on.

        Args:
            one_pass: see there.
            at_once: done for a monitor that changes after it was first woken.
        """
        self._pass, self._at_once = one_pass, at_once
        for key in self._wakes:
            self._begin(key)

    def wake(self, key: Key) -> None:
        """It came, changed or went."""
        wake = self._wakes.setdefault(key, _Wake())
        wake.any.set()
        wake.changed.set()
        self._within.setdefault(key[0], set()).add(key)
        if key in self._tasks:
            self._hurry(key)
        self._begin(key)

    def wake_namespace(self, namespace: str) -> None:
        """Something in its namespace changed."""
        for key in self._within.get(namespace, ()):
            self._wakes[key].any.set()

    async def stop(self) -> None:
        """No passes any more; one that runs is cancelled."""
        tasks = [*self._tasks.values(), *self._hurried.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: Key) -> None:
        if self._pass is not None and key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._run(key, self._pass), name=f"{key[0]}/{key[1]}")

    def _hurry(self, key: Key) -> None:
        """One at a time for each: of several changes meanwhile only the last is done."""
        if self._at_once is None:
            return
        self._changed.add(key)
        if key not in self._hurried:
            name = f"{key[0]}/{key[1]} changed"
            self._hurried[key] = asyncio.create_task(self._run_at_once(key, self._at_once), name=name)

    async def _run_at_once(self, key: Key, at_once: AtOnce) -> None:
        try:
            while key in self._changed:
                self._changed.discard(key)
                await at_once(key)
        except Exception:  # noqa: BLE001 - the pass that follows does the same
            _log.exception("LLMMonitor %s/%s: its change waits for the next pass", *key)
            self._failed()
        finally:
            self._changed.discard(key)
            del self._hurried[key]

    def _forget(self, key: Key) -> None:
        self._within[key[0]].discard(key)
        if not self._within[key[0]]:
            del self._within[key[0]]

    async def _run(self, key: Key, one_pass: Pass) -> None:
        wake = self._wakes[key]
        failures, early, why = 0, False, Why.NEWS
        while True:
            if self._hurried:
                await asyncio.wait(self._hurried.values(), timeout=HURRY_SECONDS)
            wake.clear()
            began = asyncio.get_running_loop().time()
            try:
                due = await one_pass(key, why)
                failures = 0
            except Exception as error:  # noqa: BLE001 - one monitor's trouble must not end the others
                due = min(FAILED_SECONDS * 2.0**failures, FAILED_LIMIT_SECONDS)
                words = "LLMMonitor %s/%s: pass failed, tried again in %.0f s: %s"
                _log.warning(words, *key, due, error, exc_info=not isinstance(error, ApiError))
                self._failed()
                failures = min(failures + 1, 10)
            if due is None and not wake.any.is_set():
                self._tasks.pop(key, None)
                self._wakes.pop(key, None)
                self._forget(key)
                return
            spent = asyncio.get_running_loop().time() - began
            await asyncio.sleep(max(0.0, SHORTEST_SECONDS - spent))
            why = Why.NEWS
            if failures:
                early = await _changed(wake, due or 0.0, CHANGES_SECONDS if early else 0.0)
                continue
            early = False
            wait = max(0.0, (due or 0.0) - spent) * random.uniform(SHORTEST_SHARE, 1.0)  # noqa: S311 - not all at once
            why = Why.NEWS if await _set_within(wake.any, wait) else Why.TIME


def at_least(seconds: float, spent: float) -> float:
    """What a pass gives that is due again in so many seconds from now, and not before.

    Args:
        seconds: from now.
        spent: seconds since the pass began.
    """
    rest = max(0.0, SHORTEST_SECONDS - spent)
    return max(0.0, seconds - rest) / SHORTEST_SHARE + spent


async def _changed(wake: _Wake, wait: float, rest: float) -> bool:
    """Wait, but after `rest` seconds no longer than until the monitor changes; whether it did."""
    rest = min(rest, wait)
    await asyncio.sleep(rest)
    return await _set_within(wake.changed, wait - rest)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
