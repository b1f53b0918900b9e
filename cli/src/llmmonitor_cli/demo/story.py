"""The demo's story: a real model, ordinary users, an incident; told while the monitor watches.

The pace follows the machine: an idle request is timed first, straight at the model, and the objective and the
rate of ordinary users are set from it, so that the story is the same on a laptop and on a server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from llmmonitor_cli.demo.clients import Clients, new_session
from llmmonitor_cli.demo.model_process import ModelServer

SLOTS = 2
ORDINARY_SECONDS = 40.0
INCIDENT_SECONDS = 36.0
CRASH_AFTER_SECONDS = 14.0
DOWN_SECONDS = 1.5
_CROWD = 16
_PATIENCE_SECONDS = 3.0
_ORDINARY_LOAD = 0.35
"""Share of the model's time that ordinary users take."""
_SLOWEST_PER_SECOND, _FASTEST_PER_SECOND = 0.2, 3.0
_THRESHOLD_TIMES_IDLE = 8.0
_THRESHOLDS_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


@dataclass(frozen=True, slots=True)
class Pace:
    """What this machine does when idle, and what follows for the demo."""

    first_token_seconds: float
    request_seconds: float

    @property
    def threshold_seconds(self) -> float:
        """For the objective on the first token: far above idle, far below a queue."""
        wanted = self.first_token_seconds * _THRESHOLD_TIMES_IDLE
        return next((choice for choice in _THRESHOLDS_SECONDS if choice >= wanted), _THRESHOLDS_SECONDS[-1])

    @property
    def requests_per_second(self) -> float:
        """Of ordinary users."""
        return max(_SLOWEST_PER_SECOND, min(_FASTEST_PER_SECOND, _ORDINARY_LOAD / self.request_seconds))


async def measure_pace(url: str) -> Pace:
    """Time an ordinary request at an idle model, the second of two (the first warms it up)."""
    first = total = 0.0
    async with new_session() as session:
        for attempt in range(2):
            prompt = f"{attempt} Tell me about rivers, rain and hills. " * 3  # another one: nothing is cached
            body = {
                "stream": True,
                "max_tokens": 24,
                "messages": [{"role": "user", "content": prompt}],
            }
            began = time.monotonic()
            async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
                await answer.content.readline()
                first = time.monotonic() - began
                await answer.read()
                total = time.monotonic() - began
    return Pace(first, total)


async def ordinary(clients: Clients, pace: Pace, say: Callable[[str], None]) -> None:
    """Users as in the trace."""
    say(f"ordinary traffic: {pace.requests_per_second:.1f} requests/s, shaped by a production trace")
    await clients.ordinary(ORDINARY_SECONDS, pace.requests_per_second)


async def incident(clients: Clients, server: ModelServer, say: Callable[[str], None]) -> None:
    """A crowd that overloads the model, clients that hang up, and a crash in the middle."""
    say(
        f"incident: {_CROWD} people at once on {SLOTS} slots; a third hang up after {_PATIENCE_SECONDS:.0f} s"
    )

    async def crash() -> None:
        await asyncio.sleep(CRASH_AFTER_SECONDS)
        say("incident: the model server crashes (SIGKILL) with requests in flight")
        await server.crash()
        await asyncio.sleep(DOWN_SECONDS)
        say("incident: it restarts and loads the model again; the crowd is still there")
        await server.start()

    async with asyncio.TaskGroup() as group:
        group.create_task(crash())
        group.create_task(clients.crowd(INCIDENT_SECONDS, _CROWD, _PATIENCE_SECONDS))
