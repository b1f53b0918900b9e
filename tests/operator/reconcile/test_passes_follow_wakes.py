from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

import pytest

from llmmonitor_operator.reconcile.loop import (
    CHANGES_SECONDS,
    FAILED_LIMIT_SECONDS,
    FAILED_SECONDS,
    HURRY_SECONDS,
    SHORTEST_SECONDS,
    Loop,
    Why,
)

KEY = ("prod", "chat")


class NoWaiting(asyncio.SelectorEventLoop):
    """A loop whose time is where the next timer is, as soon as nothing else is left to do."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Skipping(self))

    def time(self) -> float:
        return self.now


class _Skipping(selectors.DefaultSelector):
    def __init__(self, clock: NoWaiting) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._clock.now += timeout or 0.0
        return super().select(0.0)


def without_waiting(test: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=NoWaiting) as runner:
        runner.run(test)


class Failing:
    """Passes that fail; when each began."""

    def __init__(self) -> None:
        self.begun: list[float] = []

    async def __call__(self, _key: tuple[str, str], _why: Why) -> float | None:
        self.begun.append(asyncio.get_running_loop().time())
        raise ValueError("as told")

    async def until(self, seconds: float) -> None:
        await asyncio.sleep(seconds - asyncio.get_running_loop().time())


class Passes:
    """Counts passes and can be held inside one."""

    def __init__(self, due: float | None = 3600.0) -> None:
        self.begun = 0
        self.at_once = 0
        self.most_at_once = 0
        self.due = due
        self.fail = False
        self.go = asyncio.Event()
        self.go.set()
        self.done = asyncio.Queue[int]()

    async def __call__(self, _key: tuple[str, str], _why: Why) -> float | None:
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.go.wait()
        self.at_once -= 1
        self.done.put_nowait(self.begun)
        if self.fail:
            raise ValueError("as told")
        return self.due


async def test_many_wakes_in_one_pass_give_one_more() -> None:
    passes, loop = Passes(), Loop()
    passes.go.clear()
    loop.start(passes)

    loop.wake(KEY)
    await asyncio.sleep(0)
    for _ in range(5):
        loop.wake(KEY)
        loop.wake_namespace("prod")
    passes.go.set()
    await passes.done.get()
    await passes.done.get()
    await asyncio.sleep(0)

    assert passes.begun == 2
    assert passes.most_at_once == 1
    await loop.stop()


async def test_a_wake_before_the_start_is_not_lost() -> None:
    passes, loop = Passes(), Loop()

    loop.wake(KEY)
    loop.start(passes)

    assert await passes.done.get() == 1
    await loop.stop()


async def test_a_pass_that_fails_is_counted_and_ends_nobody_else() -> None:
    failures: list[str] = []
    passes, others, loop = Passes(), Passes(), Loop(failed=lambda: failures.append("pass"))

    async def both(key: tuple[str, str], why: Why) -> float | None:
        return await (passes if key == KEY else others)(key, why)

    passes.fail = True
    loop.start(both)
    loop.wake(KEY)
    loop.wake(("prod", "other"))
    await passes.done.get()
    loop.wake(("prod", "other"))
    await others.done.get()
    await others.done.get()

    assert others.begun == 2
    assert failures == ["pass"]
    await loop.stop()


def test_a_pass_is_told_when_nothing_but_the_time_asks_for_it() -> None:
    async def told() -> None:
        said: list[Why] = []
        loop = Loop()

        async def one_pass(_key: tuple[str, str], why: Why) -> float | None:
            said.append(why)
            if len(said) == 4:
                raise ValueError("as told")
            return 15.0

        loop.start(one_pass)
        loop.wake(KEY)
        await asyncio.sleep(18)
        loop.wake_namespace("prod")
        await asyncio.sleep(18)
        await asyncio.sleep(FAILED_SECONDS + SHORTEST_SECONDS + 0.1)

        first, second, third, fourth, after_a_failure = said
        assert (first, second, third, fourth) == (Why.NEWS, Why.TIME, Why.NEWS, Why.TIME)
        assert after_a_failure is Why.NEWS, "what was seen may be lost"
        await loop.stop()

    without_waiting(told())


async def test_a_monitor_that_is_gone_costs_nothing_any_more() -> None:
    passes, loop = Passes(due=None), Loop()
    loop.start(passes)

    loop.wake(KEY)
    await passes.done.get()
    await asyncio.sleep(0)

    assert not loop._tasks
    passes.due = 3600.0
    loop.wake(KEY)
    assert await passes.done.get() == 2
    await loop.stop()


def test_a_corrected_spec_is_looked_at_at_once_after_a_pass_that_failed() -> None:
    async def corrected() -> None:
        passes, loop = Failing(), Loop()
        loop.start(passes)
        loop.wake(KEY)
        await passes.until(1000.0)
        assert passes.begun[-1] - passes.begun[-2] >= FAILED_LIMIT_SECONDS
        begun = len(passes.begun)
        await passes.until(passes.begun[-1] + 50.0)

        loop.wake(KEY)
        await asyncio.sleep(0.1)

        assert len(passes.begun) == begun + 1
        await loop.stop()

    without_waiting(corrected())


def test_a_spec_that_is_corrected_while_the_pass_fails_is_not_missed() -> None:
    async def corrected() -> None:
        begun: list[float] = []
        loop = Loop()

        async def fails(_key: tuple[str, str], _why: Why) -> float | None:
            begun.append(asyncio.get_running_loop().time())
            if len(begun) == 1:
                loop.wake(KEY)
            raise ValueError("as told")

        loop.start(fails)
        loop.wake(KEY)
        await asyncio.sleep(SHORTEST_SECONDS + 0.1)

        assert len(begun) == 2
        await loop.stop()

    without_waiting(corrected())


def test_pods_that_come_and_go_bring_no_failing_pass_forward() -> None:
    async def came() -> None:
        passes, loop = Failing(), Loop()
        loop.start(passes)
        loop.wake(KEY)
        await asyncio.sleep(0.1)

        for _ in range(30):
            loop.wake_namespace("prod")
            await asyncio.sleep(0.1)

        assert len(passes.begun) == 1
        await passes.until(SHORTEST_SECONDS + FAILED_SECONDS + 0.1)
        assert len(passes.begun) == 2
        await loop.stop()

    without_waiting(came())


def test_a_flood_of_changes_makes_no_storm_of_failing_passes() -> None:
    async def flooded() -> None:
        passes, loop = Failing(), Loop()
        loop.start(passes)

        for _ in range(6_000):
            loop.wake(KEY)
            await asyncio.sleep(0.1)

        gaps = [after - before for before, after in zip(passes.begun[1:], passes.begun[2:], strict=False)]
        assert min(gaps) >= CHANGES_SECONDS
        assert len(passes.begun) >= 600 / (CHANGES_SECONDS + SHORTEST_SECONDS + 0.1)
        await loop.stop()

    without_waiting(flooded())


@pytest.mark.parametrize("seconds", [0.25, 30.0])
def test_passes_that_are_due_wait_for_a_change_and_not_for_long(seconds: float) -> None:
    async def changed() -> None:
        begun: list[float] = []
        loop, clock = Loop(), asyncio.get_running_loop()

        async def one_pass(_key: tuple[str, str], _why: Why) -> float | None:
            begun.append(clock.time())
            return 15.0

        async def at_once(_key: tuple[str, str]) -> None:
            await asyncio.sleep(seconds)

        loop.start(one_pass, at_once)
        loop.wake(KEY)
        loop.wake(("prod", "other"))
        await asyncio.sleep(5)
        begun.clear()

        loop.wake(KEY)
        loop.wake_namespace("prod")
        await asyncio.sleep(HURRY_SECONDS + 0.1)

        assert begun == pytest.approx([5.0 + min(seconds, HURRY_SECONDS)] * 2)
        await loop.stop()

    without_waiting(changed())
