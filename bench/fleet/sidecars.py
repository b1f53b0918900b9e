"""`python -m bench.fleet.sidecars FILE PORT`: a process that answers for the simulated sidecars of one port.

FILE (see `Fleet`) says who they are. Every request for a report must be signed for the pod that is asked, as
a sidecar's own verifier judges it; so are configurations, and when each was taken is remembered.
`127.0.0.1` is nobody's sidecar: there the bench itself asks and commands.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop
from bench.fleet.exposition import CONTENT_TYPE, exposition
from bench.fleet.traffic import Replica
from bench.fleet.wire import Answer, Connection, Request
from bench.fleet.world import number_at

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.report import encode
from llmmonitor_api.report.told import Told
from llmmonitor_api.signing import ConfigurationVerifier, Refused, RequestVerifier, public_keys_by_id
from llmmonitor_api.signing.keys import public_key_from_bytes

COMMANDS = "127.0.0.1"


class Member(msgspec.Struct):
    """One pod."""

    uid: str
    name: str
    monitor: str
    configuration: Configuration
    """What it was injected with."""


class Fleet(msgspec.Struct):
    """All of one process."""

    public_key: bytes
    first: int
    """The number of the first of them."""
    members: list[Member]


class Truth(msgspec.Struct):
    """What the replicas have really served since the beginning."""

    first_tokens: dict[str, list[float]]
    """Seconds, by monitor."""


class State(msgspec.Struct):
    """What the bench asks for; lists are in the order of members."""

    reports: int
    """Answered since the start."""
    refused: int
    scrapes: int
    generations: list[int]
    """In force."""
    taken_at: list[float]
    """When each was put in force (Unix seconds); 0 for those from the injection."""


class Sidecars:
    """Answers for all."""

    def __init__(self, fleet: Fleet, clock: Callable[[], float] = time.time) -> None:
        """Args: clock: Unix seconds."""
        self._clock = clock
        now = clock()
        keys = public_keys_by_id([public_key_from_bytes(fleet.public_key)])
        self._first = fleet.first
        self._members = fleet.members
        self._replicas = [
            Replica(number, one.uid, one.name, now) for number, one in enumerate(fleet.members, fleet.first)
        ]
        for replica, member in zip(self._replicas, fleet.members, strict=True):
            replica.configure(member.configuration)
        self._told = [Told() for _ in fleet.members]
        self._requests = [RequestVerifier(keys, one.uid) for one in fleet.members]
        self._configurations = [
            ConfigurationVerifier(keys, one.uid, now, one.configuration.generation) for one in fleet.members
        ]
        self._serving = False
        self._state = State(0, 0, 0, [one.generation for one in self._replicas], [0.0] * len(self._replicas))

    def answer(self, request: Request) -> Answer:
        """Whatever was asked."""
        if request.address == COMMANDS:
            return self._obey(request)
        number = number_at(request.address) - self._first
        try:
            match request.method, request.path:
                case "GET", "/v1/report":
                    answer = self._report(number, request)
                case "PUT", "/v1/config":
                    answer = self._configure(number, request.body)
                case "GET", "/metrics":
                    answer = self._metrics(number)
                case _:
                    answer = Answer(404, b"{}")
        except Refused as refused:
            self._state.refused += 1
            answer = Answer(
                403, msgspec.json.encode({"error": {"reason": refused.reason, "message": str(refused)}})
            )
        return answer

    def _report(self, number: int, request: Request) -> Answer:
        self._requests[number].verify(request.authorization, request.method, request.path, self._clock())

        def said() -> bytes:
            now, self._state.reports = self._clock(), self._state.reports + 1
            replica = self._replicas[number]
            replica.advance(now, serving=self._serving)
            return encode(self._told[number].since(replica.report(now), request.has))

        return Answer(200, said(), again=said)

    def _configure(self, number: int, document: bytes) -> Answer:
        now, verifier = self._clock(), self._configurations[number]
        signed = verifier.verify(document, now)
        verifier.taken(signed)
        self._replicas[number].configure(signed.configuration)
        self._state.generations[number] = signed.configuration.generation
        self._state.taken_at[number] = self._clock()
        return Answer(200, msgspec.json.encode({"generation": signed.configuration.generation}))

    def _metrics(self, number: int) -> Answer:
        self._state.scrapes += 1
        replica = self._replicas[number]
        replica.advance(self._clock(), serving=self._serving)
        return Answer(200, exposition(replica), CONTENT_TYPE)

    def _obey(self, request: Request) -> Answer:
        match request.path:
            case "/serve" | "/rest":
                now = self._clock()
                for replica in self._replicas:
                    replica.advance(now, serving=self._serving)
                self._serving = request.path == "/serve"
                return Answer(200, b"{}")
            case "/state":
                return Answer(200, msgspec.json.encode(self._state))
            case "/truth":
                return Answer(200, msgspec.json.encode(self._truth()))
        return Answer(404, b"{}")

    def _truth(self) -> Truth:
        pooled: dict[str, list[float]] = {}
        for member, replica in zip(self._members, self._replicas, strict=True):
            pooled.setdefault(member.monitor, []).extend(replica.true_first_tokens)
        return Truth(pooled)


async def serve(fleet: Fleet, port: int) -> None:
    """Until killed."""
    sidecars = Sidecars(fleet)
    gc.freeze()  # ten thousand replicas that stay: nothing to look through again and again
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(sidecars.answer), "0.0.0.0", port, backlog=4096
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Fleet), int(sys.argv[2])))
