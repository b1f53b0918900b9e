"""Given an analyser that dies while it asks, when its successor goes on, then the day's tokens are spent."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web
from tests.sidecar.probes.conftest import NOW, Beside, Model, plan, setting

from llmmonitor_sidecar.engines.http import model_session
from llmmonitor_sidecar.kept_configuration import KeptConfiguration
from llmmonitor_sidecar.probes.budget import HOUR, MEMORY_BYTES, TokenBudget
from llmmonitor_sidecar.probes.questions import cost

Make = Callable[..., Awaitable[Beside]]
LATE = NOW + 600.0
TEN = plan(*[setting(f"p{number}") for number in range(10)], tokens_per_day=60)


@dataclass
class Slow(Model):
    """Answers when it may."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    may: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        self.reached.set()
        await self.may.wait()
        return await super().answer(request)


async def test_a_successor_has_what_is_left(beside: Make) -> None:
    memory = bytearray(MEMORY_BYTES)
    first, second = [await beside(budget=TokenBudget(memory)) for _ in range(2)]
    first.prober.configure(TEN)
    second.prober.configure(TEN)

    assert await first.round(LATE) == 3
    assert await second.round(LATE) == 0
    assert second.prober.standing.probing.waits == "budget"
    assert await second.round(LATE + 25 * HOUR) == 3


async def test_a_question_that_its_asker_did_not_survive_is_paid_for(beside: Make) -> None:
    """Else one that kills whoever asks it would be asked for ever."""
    memory = bytearray(MEMORY_BYTES)
    one = await beside(kind=Slow, budget=TokenBudget(memory))
    assert isinstance(one.model, Slow)
    one.prober.configure(TEN)

    async with model_session() as session:
        asking = asyncio.ensure_future(one.prober.step(session, LATE))
        await one.model.reached.wait()
        asking.cancel()
        one.model.may.set()
        await asyncio.wait([asking])

    assert TokenBudget(memory).spent(LATE) == cost(setting())


def test_what_a_killed_process_spent_is_known_to_the_next() -> None:
    keeper = KeptConfiguration(NOW)

    child = os.fork()
    if not child:
        TokenBudget(keeper.spending).spend(7, NOW)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)

    assert TokenBudget(keeper.spending).spent(NOW) == 7
