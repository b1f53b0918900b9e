"""Over an open connection a sidecar is asked without a task and a turn; whatever comes of it, as ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.operator.reconcile import sidecar_double
from tests.operator.reconcile.operator_world import until
from tests.operator.reconcile.sidecar_double import SidecarDouble

from llmmonitor_api.report.report import BYTES_LIMIT, Report
from llmmonitor_api.signing import RequestVerifier, generate_private_key
from llmmonitor_operator.keys.keyring import Keyring, SigningKey
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics
from llmmonitor_operator.reconcile.sidecars import client as sidecar_client
from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.reconcile.sidecars.client import SidecarClient
from llmmonitor_operator.reconcile.sidecars.heard import Heard, S
from llmmonitor_operator.reconcile.sidecars.pods_memory import PodMemory, PodsMemory
from llmmonitor_operator.reconcile.sidecars.pulling import Puller
from llmmonitor_operator.reconcile.sidecars.wire import Connections

KEY = generate_private_key()
SECONDS = 0.5
"""For an answer."""


class Asking:
    """A puller, and the ways in which its client asked."""

    def __init__(self, connections: Connections) -> None:
        self.client = SidecarClient(connections, Keyring(SigningKey.of(KEY)))
        self.metrics = OperatorMetrics()
        self.puller = Puller(self.client, self.metrics, "llm-monitor")
        self.with_a_turn = 0
        hear = self.client.hear

        async def counted(address: Address, has: str, read: Callable[[bytes], S]) -> Heard[S]:
            self.with_a_turn += 1
            return await hear(address, has, read)

        self.client.hear = counted  # type: ignore[method-assign]  # looked at on its way
        self.memory = PodsMemory()

    async def pull(self, *addresses: Address) -> dict[str, Report]:
        for one in addresses:
            self.memory.pods.setdefault(one.uid, PodMemory(push_at=0.0))
        async with asyncio.timeout(5):
            return await self.puller.pull(addresses, self.memory)

    def pulled(self, result: str) -> float:
        name = "llm_monitor_operator_pulls_total"
        return self.metrics.registry.get_sample_value(name, {"result": result}) or 0.0


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    with contextlib.closing(Connections(BYTES_LIMIT, timeout_seconds=SECONDS)) as connections:
        yield Asking(connections)


@pytest.fixture
async def double() -> AsyncIterator[SidecarDouble]:
    async with sidecar_double.running("uid", KEY.public_key()) as one:
        yield one


def address(double: SidecarDouble) -> Address:
    return Address(double.pod_uid, "127.0.0.1", double.port)


async def test_the_first_time_waits_for_a_turn_and_the_next_ones_do_not(
    asking: Asking, double: SidecarDouble
) -> None:
    heard = [await asking.pull(address(double)) for _ in range(3)]

    assert [one["uid"].identity.sequence for one in heard] == [1, 2, 3]
    assert asking.with_a_turn == 1
    assert asking.pulled("ok") == 3
    assert asking.client._begun == 0


async def test_no_more_are_asked_so_than_may_be(
    asking: Asking, double: SidecarDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sidecar_double.running("other", KEY.public_key()) as other:
        both = address(double), address(other)
        await asking.pull(*both)
        monkeypatch.setattr(sidecar_client, "CONCURRENT", 1)

        heard = await asking.pull(*both)

    assert heard.keys() == {"uid", "other"}
    assert asking.with_a_turn == 3


async def test_who_closed_the_connection_is_asked_over_another(asking: Asking) -> None:
    async with sidecar_double.running("uid", KEY.public_key()) as before:
        await asking.pull(address(before))
        port = before.port
    gone = asking.pull(Address("uid", "127.0.0.1", port))

    assert await gone == {}
    assert "127.0.0.1" in asking.memory.of("uid").unreachable
    assert asking.pulled("unreachable") == 1
    assert asking.client._begun == 0


async def test_a_link_that_is_not_taken_is_signed_anew(asking: Asking, double: SidecarDouble) -> None:
    for _ in range(3):
        await asking.pull(address(double))
    verifier = RequestVerifier(double.keys, "uid")  # the container began anew
    double.requests.verify = verifier.verify  # type: ignore[method-assign]  # as above

    heard = await asking.pull(address(double))

    assert heard.keys() == {"uid"}
    assert asking.pulled("refused") == 0
    assert asking.pulled("ok") == 4


async def test_who_hangs_is_given_up_in_time_and_keeps_nobody_waiting(asking: Asking) -> None:
    async with sidecar_double.running("uid", KEY.public_key()) as well, hanging() as (hangs, answers):
        both = address(well), hangs
        assert (await asking.pull(*both)).keys() == {"uid", "hangs"}
        answers.clear()

        heard = await asking.pull(*both)

        assert heard.keys() == {"uid"}
        assert "no answer from" in asking.memory.of("hangs").unreachable
        assert asking.with_a_turn == 2, "it is not waited for twice"
        assert asking.client._begun == 0


async def test_who_asks_and_is_cancelled_leaves_nothing_behind(asking: Asking) -> None:
    async with hanging() as (hangs, answers):
        await asking.pull(hangs)
        answers.clear()

        pulling = asyncio.create_task(asking.pull(hangs))
        await until(lambda: asking.client._begun == 1)
        pulling.cancel()
        await asyncio.gather(pulling, return_exceptions=True)

        assert asking.client._begun == 0
        answers.set()
        assert (await asking.pull(hangs)).keys() == {"hangs"}


async def test_who_is_cancelled_before_it_waits_leaves_nothing_behind(
    asking: Asking, double: SidecarDouble
) -> None:
    async with sidecar_double.running("other", KEY.public_key()) as other:
        await asking.pull(address(double))

        pulling = asyncio.create_task(asking.pull(address(double), address(other)))
        await asyncio.sleep(0)
        assert asking.client._begun == 1
        pulling.cancel()
        await asyncio.gather(pulling, return_exceptions=True)

        assert asking.client._begun == 0


@asynccontextmanager
async def hanging() -> AsyncIterator[tuple[Address, asyncio.Event]]:
    """A sidecar whose answers come while the event is set, as it is at first."""
    answers = asyncio.Event()
    answers.set()
    tasks: list[asyncio.Task[None]] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, held: bool) -> None:
        try:
            while data := await reader.read(65536):
                if held:
                    await answers.wait()
                writer.write(data)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async with sidecar_double.running("hangs", KEY.public_key()) as double:

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", double.port)
            tasks.append(asyncio.create_task(carry(reader, back, held=False)))
            tasks.append(asyncio.create_task(carry(there, writer, held=True)))

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        yield Address("hangs", "127.0.0.1", server.sockets[0].getsockname()[1]), answers
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
        await asyncio.sleep(0)
