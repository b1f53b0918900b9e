"""Pass after pass over one sidecar that is attached: what is pushed to it, by what it says that it has."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from tests.operator.reconcile.operator_world import PODS, World
from tests.operator.reconcile.sidecar_double import SidecarDouble

from llmmonitor_api.configuration import Configuration
from llmmonitor_operator.evaluate.environment import ExpectedPod
from llmmonitor_operator.reconcile.sidecars.pods_memory import PodsMemory
from llmmonitor_operator.reconcile.sidecars.pushing import Pusher
from llmmonitor_operator.reconcile.sidecars.standing import Standing, address_of


@dataclass
class Pushed:
    """A sidecar, and the operator's memory between two passes."""

    double: SidecarDouble
    memory: PodsMemory
    standing: Standing
    pusher: Pusher
    now: float

    @property
    def uid(self) -> str:
        """The pod's."""
        return self.standing.expected.uid

    async def taken(self, **said: Any) -> int:
        """How many configurations it has got in a pass in which its report said this."""
        before = self.double.configurations_taken
        report = msgspec.structs.replace(self.double.report(), **said)
        await self.pusher.push(
            Configuration(), [self.standing], {self.uid: report}, memory=self.memory, now=self.now
        )
        return self.double.configurations_taken - before


@asynccontextmanager
async def pushing(world: World) -> AsyncIterator[Pushed]:
    """To the sidecar that the world attaches."""
    async with world.attached() as double:
        pod = world.server.at(f"{PODS}/chat-a")
        uid, now = pod["metadata"]["uid"], time.time()
        memory = PodsMemory()
        memory.look([pod], now)
        standing = Standing(pod, ExpectedPod(uid, "chat-a", now), address=address_of(pod))
        yield Pushed(double, memory, standing, Pusher(world.parts.sidecars, world.parts.metrics), now)
