"""A namespace whose NetworkPolicy shuts the operator out has a thousand sidecars that never answer."""

from __future__ import annotations

import asyncio
import time

from tests.operator.reconcile import sidecar_double
from tests.operator.reconcile.operator_world import SIGNING, World, until

from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.reconcile.sidecars.pods_memory import PodMemory, PodsMemory
from llmmonitor_operator.reconcile.sidecars.pulling import AT_ONCE, Puller
from llmmonitor_operator.reconcile.sidecars.wire import TIMEOUT_SECONDS

SILENT = 3 * AT_ONCE


def _remembering(*addresses: Address) -> PodsMemory:
    return PodsMemory(pods={one.uid: PodMemory(push_at=0.0) for one in addresses})


async def test_another_monitors_sidecar_is_asked_at_once(world: World) -> None:
    over = asyncio.Event()
    asked: list[asyncio.StreamWriter] = []

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(writer)
        await over.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0, backlog=SILENT)
    port = server.sockets[0].getsockname()[1]
    silent = [Address(f"silent-{number}", "127.0.0.1", port) for number in range(SILENT)]
    puller = Puller(world.parts.sidecars, world.parts.metrics, world.parts.settings.namespace)
    shut_out = asyncio.create_task(puller.pull(silent, _remembering(*silent)))
    await until(lambda: len(asked) == AT_ONCE)

    async with sidecar_double.running("chat", SIGNING.public_key()) as double:
        answering = Address("chat", "127.0.0.1", double.port)
        began = time.monotonic()
        reports = await puller.pull([answering], _remembering(answering))
        took = time.monotonic() - began

    assert reports.keys() == {"chat"}
    assert took < TIMEOUT_SECONDS / 2
    shut_out.cancel()
    await asyncio.gather(shut_out, return_exceptions=True)
    over.set()
    server.close()
