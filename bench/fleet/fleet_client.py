"""The bench's own words with the processes that answer for the sidecars."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp
import msgspec
from bench.fleet.sidecars import COMMANDS, State, Truth

_TIMEOUT = aiohttp.ClientTimeout(total=60)


class Sidecars:
    """All processes, as one."""

    def __init__(self, session: aiohttp.ClientSession, ports: Sequence[int]) -> None:
        """Args: ports: in the order of their pods."""
        self._session = session
        self._ports = ports

    async def serve(self) -> None:
        """Have requests served from now on."""
        await self._ask("/serve")

    async def rest(self) -> None:
        """Have no more requests served."""
        await self._ask("/rest")

    async def state(self) -> State:
        """Counts and generations, the latter in the order of pods' numbers."""
        found = [msgspec.json.decode(body, type=State) for body in await self._ask("/state")]
        return State(
            reports=sum(one.reports for one in found),
            refused=sum(one.refused for one in found),
            scrapes=sum(one.scrapes for one in found),
            generations=[generation for one in found for generation in one.generations],
            taken_at=[at for one in found for at in one.taken_at],
        )

    async def truth(self) -> dict[str, list[float]]:
        """Every time to first token that was served since the beginning, by monitor."""
        pooled: dict[str, list[float]] = {}
        for body in await self._ask("/truth"):
            for monitor, values in msgspec.json.decode(body, type=Truth).first_tokens.items():
                pooled.setdefault(monitor, []).extend(values)
        return pooled

    async def _ask(self, path: str) -> list[bytes]:
        return await asyncio.gather(*(self._one(port, path) for port in self._ports))

    async def _one(self, port: int, path: str) -> bytes:
        async with self._session.get(f"http://{COMMANDS}:{port}{path}", timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            return await answer.read()
