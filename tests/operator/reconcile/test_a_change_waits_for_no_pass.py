"""A changed spec is pushed beside the passes: with a thousand monitors its own pass may be a minute away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.operator.reconcile.operator_world import KEY, MONITORS, World, until

from llmmonitor_operator.reconcile.loop import Loop, Why
from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.reconcile.sidecars.heard import Heard, S


def _changed(world: World, generation: int = 2, **spec: Any) -> dict[str, Any]:
    """The monitor as its owner has changed it."""
    chat = world.server.at(f"{MONITORS}/chat")
    return {
        **chat,
        "metadata": {**chat["metadata"], "generation": generation},
        "spec": chat["spec"] | spec,
    }


async def test_it_is_pushed_to_the_sidecars_that_are_known_without_a_pass(world: World) -> None:
    async with world.attached() as double:
        await world.passed()

        world.parts.monitors.take(_changed(world, sampling={"resourceInterval": "9s"}))
        asked = double.sequence
        await world.one_pass.push_change(KEY)

        assert double.configuration.resource_interval_seconds == 9.0
        assert double.sequence == asked, "nobody was asked for a report"


async def test_two_changes_in_a_row_are_taken_though_no_report_came_between(world: World) -> None:
    async with world.attached() as double:
        await world.passed()

        for generation, seconds in ((2, 9), (3, 7)):
            changed = _changed(world, generation, sampling={"resourceInterval": f"{seconds}s"})
            world.parts.monitors.take(changed)
            await world.one_pass.push_change(KEY)

        assert double.configuration.resource_interval_seconds == 7.0


async def test_who_has_not_reported_yet_is_left_to_the_pass(world: World) -> None:
    async with world.attached() as double:
        world.parts.monitors.take(_changed(world, sampling={"resourceInterval": "9s"}))
        await world.one_pass.push_change(KEY)
        assert double.configuration.resource_interval_seconds != 9.0

        await world.one_pass(KEY)
        assert double.configuration.resource_interval_seconds == 9.0


async def test_a_pass_that_began_before_the_change_does_not_undo_it(world: World) -> None:
    async with world.attached() as double:
        await world.passed()
        changed = _changed(world, sampling={"resourceInterval": "9s"})
        ask = world.parts.sidecars.hear

        async def meanwhile(address: Address, has: str, read: Callable[[bytes], S]) -> Heard[S]:
            world.parts.monitors.take(changed)
            await world.one_pass.push_change(KEY)
            return await ask(address, has, read)

        world.parts.sidecars.begin = lambda *_: None  # type: ignore[method-assign]  # no connection is open
        world.parts.sidecars.hear = meanwhile  # type: ignore[method-assign]  # the moment within the pass
        await world.one_pass(KEY)

        assert double.configuration.resource_interval_seconds == 9.0


async def test_a_change_is_done_at_once_while_a_pass_is_under_way() -> None:
    begun, held, hurried = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def one_pass(_key: tuple[str, str], _why: Why) -> float | None:
        begun.set()
        await held.wait()
        return 15.0

    async def at_once(_key: tuple[str, str]) -> None:
        hurried.set()

    loop = Loop()
    loop.start(one_pass, at_once)
    loop.wake(KEY)
    await begun.wait()
    assert not hurried.is_set(), "it came: its first pass does all"

    loop.wake(KEY)
    async with asyncio.timeout(5):
        await hurried.wait()
    await loop.stop()


async def test_of_several_changes_meanwhile_the_last_is_done_once_and_what_fails_is_counted() -> None:
    done, held, failed = [], asyncio.Event(), []

    async def one_pass(_key: tuple[str, str], _why: Why) -> float | None:
        return 15.0

    async def at_once(key: tuple[str, str]) -> None:
        done.append(key)
        await held.wait()
        if len(done) == 2:
            raise ValueError("as told")

    loop = Loop(failed=lambda: failed.append(True))
    loop.start(one_pass, at_once)
    loop.wake(KEY)
    for _ in range(3):
        loop.wake(KEY)
        await asyncio.sleep(0)
    assert len(done) == 1
    held.set()
    await until(lambda: bool(failed))

    assert len(done) == 2
    loop.wake(KEY)
    await until(lambda: len(done) == 3)
    await loop.stop()
