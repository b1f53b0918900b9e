"""Users of a model, played from a pod: chat requests against one address, counted as the users see them.

Prints one JSON line when over (`Seen` below, figures in seconds), and with --progress one a second before.
Each request has a connection of its own unless --keep-alive is given: a connection that is refused or breaks
is the users' failure. Bounded in time and number.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

_CONNECT_SECONDS = 5.0
_MOST_IN_FLIGHT = 256
_WORDS = ("river", "sea", "rain", "hills", "birds", "spring", "why", "how", "tell", "me", "about", "the")
_PLANTED = "kestrel7731"
"""In every prompt: `e2e/planted.py` looks for it wherever it must not be."""


@dataclass(slots=True)
class Seen:
    """What the users saw."""

    requests: int = 0
    answered: int = 0
    """Whole, with status 200."""
    failed_connections: int = 0
    """Refused, not made within 5 s, or closed before the first byte of an answer."""
    broken_answers: int = 0
    """Ended before their end: the connection broke, or a stream came without [DONE]."""
    timed_out: int = 0
    refused_in_flight: int = 0
    """Not sent, because 256 were under way."""
    statuses: Counter[str] = field(default_factory=Counter)
    """By HTTP status."""
    errors: Counter[str] = field(default_factory=Counter)
    """By class and words; at most what happened."""
    first_token_seconds: list[float] = field(default_factory=list)
    request_seconds: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, object]:
        """The counts, and quantiles in place of the lists."""
        found: dict[str, object] = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        for name in ("first_token_seconds", "request_seconds"):
            found[name] = quantiles(getattr(self, name))
        return found


def quantiles(values: list[float]) -> dict[str, float]:
    """p50, p95, p99 and max of some figures; empty without any."""
    ordered = sorted(values)
    if not ordered:
        return {}
    at = {
        f"p{percent}": ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
        for percent in (50, 95, 99)
    }
    return {**at, "max": ordered[-1]}


@dataclass(frozen=True, slots=True)
class Plan:
    """What the users do."""

    url: str
    seconds: float
    users: int
    """Closed loop: so many, each asking again and again."""
    rate: float
    """Open loop, if above 0: so many requests begin each second, whatever the answers do."""
    tokens: int
    stream: float
    """Share of streamed requests."""
    wrong: float
    """Share of requests that the server has to refuse with 400."""
    patience: float
    keep_alive: bool
    model: str
    prompt_words: int


class Users:
    """Plays a plan; `seen` grows while it runs."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self.plan, self.seen = plan, Seen()
        self._random = random.Random(seed)
        self._in_flight = 0

    async def play(self, stop: asyncio.Event) -> None:
        """Until the plan's time is over or `stop`; requests under way are finished."""
        connector = aiohttp.TCPConnector(limit=0, force_close=not self.plan.keep_alive)
        limits = aiohttp.ClientTimeout(total=self.plan.patience, connect=_CONNECT_SECONDS)
        end = time.monotonic() + self.plan.seconds
        async with (
            aiohttp.ClientSession(connector=connector, timeout=limits) as session,
            asyncio.TaskGroup() as group,
        ):
            if self.plan.rate > 0:
                await self._arrive(session, group, end, stop)
                return
            for _ in range(min(self.plan.users, _MOST_IN_FLIGHT)):
                group.create_task(self._ask_again_and_again(session, end, stop))

    async def _arrive(
        self, session: aiohttp.ClientSession, group: asyncio.TaskGroup, end: float, stop: asyncio.Event
    ) -> None:
        due = time.monotonic()
        while due < end and not stop.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if self._in_flight < _MOST_IN_FLIGHT:
                group.create_task(self._ask(session))
            else:
                self.seen.refused_in_flight += 1
            due += self._random.expovariate(self.plan.rate)

    async def _ask_again_and_again(
        self, session: aiohttp.ClientSession, end: float, stop: asyncio.Event
    ) -> None:
        while time.monotonic() < end and not stop.is_set():
            if not await self._ask(session):
                await asyncio.sleep(0.1)  # a server that is down is not to be hammered

    async def _ask(self, session: aiohttp.ClientSession) -> bool:
        plan, seen = self.plan, self.seen
        words = self._random.choices(_WORDS, k=plan.prompt_words)
        body: dict[str, object] = {
            "model": plan.model,
            "max_tokens": plan.tokens,
            "messages": [{"role": "user", "content": " ".join([_PLANTED, *words])}],
        }
        if self._random.random() < plan.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if self._random.random() < plan.wrong:
            body["messages"] = "this is no list"
        seen.requests += 1
        self._in_flight += 1
        began = time.monotonic()
        answering = False
        try:
            async with session.post(f"{plan.url}/v1/chat/completions", json=body) as answer:
                answering = True
                seen.statuses[str(answer.status)] += 1
                return await self._read(answer, began, streamed="stream" in body)
        except TimeoutError as error:
            connecting = isinstance(error, aiohttp.ConnectionTimeoutError)
            seen.failed_connections += connecting
            seen.timed_out += not connecting
            seen.errors[type(error).__name__] += 1
        except aiohttp.ClientError as error:
            seen.broken_answers += answering
            seen.failed_connections += not answering
            seen.errors[f"{type(error).__name__}: {error}"[:120]] += 1
        finally:
            self._in_flight -= 1
        return False

    async def _read(self, answer: aiohttp.ClientResponse, began: float, *, streamed: bool) -> bool:
        first: float | None = None
        last = b""
        async for line in answer.content:
            if b'"content":"' in line and first is None:
                first = time.monotonic() - began
            last = line.strip() or last
        whole = not streamed or last == b"data: [DONE]"
        if answer.status == 200 and whole:
            self.seen.answered += 1
            self.seen.request_seconds.append(time.monotonic() - began)
            if streamed and first is not None:
                self.seen.first_token_seconds.append(first)
        elif answer.status == 200:
            self.seen.broken_answers += 1
        return answer.ok and whole


async def _main(plan: Plan, seed: int, *, progress: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    users = Users(plan, seed)
    playing = asyncio.create_task(users.play(stop))
    while not playing.done():
        await asyncio.wait([playing], timeout=1.0)
        if progress and not playing.done():
            _print(users.seen)
    playing.result()
    _print(users.seen)


def _print(seen: Seen) -> None:
    sys.stdout.write(json.dumps(seen.summary()) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Play what the flags say."""
    parser = argparse.ArgumentParser(prog="clients", description=__doc__)
    parser.add_argument("url", help="http://ADDRESS:PORT")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--users", type=int, default=2)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--stream", type=float, default=0.75)
    parser.add_argument("--wrong", type=float, default=0.0)
    parser.add_argument("--patience", type=float, default=60.0)
    parser.add_argument("--keep-alive", action="store_true")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--prompt-words", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--progress", action="store_true")
    given = vars(parser.parse_args())
    seed, progress = given.pop("seed"), given.pop("progress")
    asyncio.run(_main(Plan(**given), seed, progress=progress))


if __name__ == "__main__":
    main()
