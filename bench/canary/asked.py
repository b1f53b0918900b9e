"""Rounds of canaries at a model server: the sidecar's own prompts, requests and reading of answers."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import aiohttp

from llmmonitor_api.report.canaries import CanaryRound
from llmmonitor_sidecar.probes.ask import PATH, Envelope
from llmmonitor_sidecar.probes.canary.ask import body, read
from llmmonitor_sidecar.probes.canary.prompts import PROMPTS, SUITE

_KEY = "bench"
_ENVELOPE = Envelope(mark="", model="")
_SECONDS = 120.0
_SUBJECTS = ("rivers", "bread", "clocks", "the moon", "bridges", "bees", "glass", "rain")


async def rounds(url: str, many: int, numbers: Iterator[int]) -> list[CanaryRound]:
    """So many rounds, one after the other.

    Args:
        url: of the server.
        many: rounds.
        numbers: what takes the place of time: the operator wants each round later than the one before.
    """
    found = []
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for _ in range(many):
            prints = []
            for prompt in PROMPTS:
                request = body(prompt, _ENVELOPE, likelihoods=True)
                head = {"content-type": "application/json"}
                async with session.post(url + PATH, data=request, headers=head) as answer:
                    answer.raise_for_status()
                    prints.append(read(await answer.read(), _KEY, likelihoods=True))
            found.append(CanaryRound(float(next(numbers)), SUITE, "bench", tuple(prints)))
    return found


@asynccontextmanager
async def busy(url: str, clients: int) -> AsyncIterator[None]:
    """While it lasts, so many clients have the server write, each its own texts."""
    tasks = [asyncio.create_task(_writes(url, number)) for number in range(clients)]
    try:
        yield
    finally:
        for one in tasks:
            one.cancel()
        for one in tasks:
            with suppress(asyncio.CancelledError):
                await one


async def _writes(url: str, number: int) -> None:
    draw = random.Random(number)
    async with aiohttp.ClientSession() as session:
        while True:
            words = (
                f"Write about {draw.choice(_SUBJECTS)} and {draw.choice(_SUBJECTS)}, part {draw.random()}."
            )
            whole = {"messages": [{"role": "user", "content": words}], "max_tokens": 48, "seed": number}
            async with session.post(url + PATH, json=whole) as answer:
                await answer.read()
