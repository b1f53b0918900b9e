from __future__ import annotations

import asyncio

from llmmonitor_operator.reconcile.loop import Loop

KEY = ("prod", "chat")


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

    async def __call__(self, _key: tuple[str, str]) -> float | None:
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

    async def both(key: tuple[str, str]) -> float | None:
        return await (passes if key == KEY else others)(key)

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
