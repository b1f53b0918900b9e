"""The demo's users: they chat with the model through the relay, some streamed, some not, some impatient.

Every request is bounded in time; the load goes to one loopback address. What a client sees is counted here,
apart from what the monitor says, so that the two can be compared.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

from llmmonitor_cli.demo.trace import Arrival, arrivals

_TIMEOUT_SECONDS = 60.0
_IN_FLIGHT_LIMIT = 64
_STREAMED_SHARE = 0.75
_USAGE_SHARE = 0.7
"""Of the streamed ones: those that ask for exact counts (`stream_options.include_usage`)."""
_WORDS = [
    "please",
    "tell",
    "me",
    "briefly",
    "why",
    "the",
    "river",
    "runs",
    "to",
    "sea",
    "and",
    "how",
    "rain",
    "comes",
    "back",
    "over",
    "green",
    "hills",
    "in",
    "spring",
    "then",
    "name",
    "three",
    "birds",
    "that",
    "travel",
    "far",
    "each",
    "year",
    "and",
    "what",
    "they",
    "eat",
    "along",
    "their",
    "way",
    "home",
    "again",
]


@dataclass(slots=True)
class Seen:
    """What the clients saw."""

    answers: Counter[str] = field(default_factory=Counter)
    """By kind: answered, gave up, failed, error STATUS."""
    in_flight: int = 0


class Clients:
    """Plays users against an OpenAI-compatible server at `url`."""

    def __init__(self, url: str, seed: int = 1) -> None:
        self._url = url
        self._random = random.Random(seed)  # noqa: S311 - traffic, no secret
        self._arrivals = arrivals(seed)
        self.seen = Seen()

    async def ordinary(self, seconds: float, per_second: float) -> None:
        """Users that arrive as in the trace, at this mean rate, and wait for their answers."""
        async with new_session() as session, asyncio.TaskGroup() as group:
            loop = asyncio.get_running_loop()
            end = loop.time() + seconds
            while loop.time() < end:
                arrival = next(self._arrivals)
                await asyncio.sleep(min(arrival.gap_seconds / per_second, 3 / per_second))
                if self.seen.in_flight < _IN_FLIGHT_LIMIT:
                    group.create_task(self._chat(session, arrival, patience=_TIMEOUT_SECONDS))

    async def crowd(self, seconds: float, people: int, patience: float) -> None:
        """Far more users than the model has slots, each asking again and again; a third give up early."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds

        async def person(session: aiohttp.ClientSession) -> None:
            while loop.time() < end:
                impatient = self._random.random() < 1 / 3
                left = max(0.1, end - loop.time())
                await self._chat(
                    session, next(self._arrivals), patience=min(left, patience if impatient else 30.0)
                )
                await asyncio.sleep(self._random.uniform(0.3, 1.0))

        async with new_session() as session, asyncio.TaskGroup() as group:
            for _ in range(min(people, _IN_FLIGHT_LIMIT)):
                group.create_task(person(session))

    async def _chat(self, session: aiohttp.ClientSession, arrival: Arrival, patience: float) -> None:
        stream = self._random.random() < _STREAMED_SHARE
        body: dict[str, object] = {
            "model": "smollm2-135m",
            "max_tokens": arrival.completion_tokens,
            "stream": stream,
            "messages": [{"role": "user", "content": self._prompt(arrival.prompt_words)}],
        }
        if stream and self._random.random() < _USAGE_SHARE:
            body["stream_options"] = {"include_usage": True}
        self.seen.in_flight += 1
        try:
            async with (
                asyncio.timeout(patience),
                session.post(f"{self._url}/v1/chat/completions", json=body) as answer,
            ):
                await answer.read()
                self.seen.answers["answered" if answer.ok else f"error {answer.status}"] += 1
        except TimeoutError:
            self.seen.answers["gave up"] += 1
        except aiohttp.ClientError:
            self.seen.answers["failed"] += 1
        finally:
            self.seen.in_flight -= 1

    def _prompt(self, words: int) -> str:
        return " ".join(self._random.choices(_WORDS, k=words))


def new_session() -> aiohttp.ClientSession:
    """A session that opens a connection per request: llama.cpp's server closes idle ones without notice."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_IN_FLIGHT_LIMIT, force_close=True),
        timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
    )
