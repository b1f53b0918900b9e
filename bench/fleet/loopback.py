"""`python -m bench.fleet.loopback FILE`: simulated sidecars, and as much of an API server as passes ask for.

FILE (see `Loopback`) says who and what there is. Both run on a clock that stands still until the bench moves
it (`/clock/SECONDS` at `sidecars.COMMANDS`), so that an hour of reports takes a minute. Nothing is checked
and nothing is watched: what is written is counted, and watches are never answered.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import uvloop
from bench.fleet.sidecars import COMMANDS, Fleet, Sidecars
from bench.fleet.wire import Answer, Connection, Request

CLOCK = "/clock/"
BEGIN = 1_800_000_000.0


class Loopback(msgspec.Struct):
    """Of one process."""

    fleet: Fleet
    port: int
    """Of the sidecars, at an address each."""
    api_port: int
    """Of the API server."""
    lists: dict[str, list[dict[str, Any]]]
    """Objects, by the path of their collection."""


class ApiServer:
    """Lists what it was given, and takes every write."""

    def __init__(self, lists: dict[str, list[dict[str, Any]]]) -> None:
        self._lists = lists
        self._version = 1_000_000

    def answer(self, request: Request) -> Answer | None:
        """None: it is a watch, of which nothing comes."""
        url = urlsplit(request.path)
        if request.method == "GET":
            if "watch=true" in url.query:
                return None
            if url.path not in self._lists and url.path.rsplit("/", 2)[-2] == "configmaps":
                return Answer(404, b'{"kind":"Status","reason":"NotFound","message":"not found","code":404}')
            items = self._lists.get(url.path, [])
            return _json({"metadata": {"resourceVersion": str(self._version)}, "items": items})
        self._version += 1
        return _json({"metadata": {"resourceVersion": str(self._version)}})


def _json(value: object) -> Answer:
    return Answer(200, msgspec.json.encode(value))


async def serve(world: Loopback) -> None:
    """Until killed."""
    now = [BEGIN]
    sidecars = Sidecars(world.fleet, lambda: now[0])

    def answer(request: Request) -> Answer:
        if request.address == COMMANDS and request.path.startswith(CLOCK):
            now[0] = float(request.path.removeprefix(CLOCK))
            return _json({})
        return sidecars.answer(request)

    gc.freeze()
    loop, api = asyncio.get_running_loop(), ApiServer(world.lists)
    await loop.create_server(lambda: Connection(answer), "0.0.0.0", world.port, backlog=4096)
    server = await loop.create_server(lambda: Connection(api.answer), COMMANDS, world.api_port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Loopback)))
