"""Turns at thinking: passes that hold reports go before those that have yet to ask for them."""

from __future__ import annotations

import asyncio

import pytest

from llmmonitor_operator.reconcile.turns import Turns


class Line:
    """Who had a turn, in order; each has it until the next step."""

    def __init__(self, at_once: int) -> None:
        self.turns = Turns(at_once)
        self.had: list[str] = []
        self.at_once = 0
        self.most = 0

    async def stand(self, name: str, *, first: bool = False) -> None:
        async with self.turns.taken(first=first):
            self.had.append(name)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            await asyncio.sleep(0)
            self.at_once -= 1


async def _all(*standing: asyncio.Task[None]) -> None:
    async with asyncio.timeout(5):
        await asyncio.gather(*standing)


async def test_the_first_line_goes_before_the_second_and_each_in_its_order() -> None:
    line = Line(1)
    await _all(
        *(asyncio.create_task(line.stand(name)) for name in ("a", "b", "c")),
        *(asyncio.create_task(line.stand(name, first=True)) for name in ("x", "y")),
    )
    assert line.had == ["a", "x", "y", "b", "c"]


async def test_no_more_have_a_turn_than_may_and_nobody_is_forgotten() -> None:
    line = Line(4)
    await _all(*(asyncio.create_task(line.stand(str(n), first=n % 3 == 0)) for n in range(50)))
    assert line.most == 4
    assert sorted(line.had, key=int) == [str(n) for n in range(50)]


async def test_who_is_cancelled_takes_no_turn_with_it() -> None:
    line = Line(1)
    standing = [asyncio.create_task(line.stand(name)) for name in ("a", "waits", "called", "d")]
    await asyncio.sleep(0)
    standing[1].cancel()
    await asyncio.sleep(0)  # "a" ends, and calls the next
    standing[2].cancel()
    await asyncio.gather(*standing, return_exceptions=True)

    assert "d" in line.had
    await _all(asyncio.create_task(line.stand("later")))
    assert line.had[-1] == "later"


async def test_a_turn_ends_with_what_fails_in_it() -> None:
    turns = Turns(1)
    with pytest.raises(ZeroDivisionError):
        async with turns.taken():
            _ = 1 / 0
    async with asyncio.timeout(5), turns.taken():
        pass
