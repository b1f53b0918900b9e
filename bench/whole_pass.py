"""Whole passes of the operator over loopback: what its process takes for a report, all in all.

The real `MonitorPass` with its real client, view, writer and checkpoints; sidecars and API server are those
of `bench.fleet.loopback`, in a process of their own, on a clock that the bench moves from pass to pass. Not
in it are kopf's watch, the looks at namespaces, and the Lease.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvloop
from bench.fleet import site
from bench.fleet.loopback import BEGIN, CLOCK, Loopback
from bench.fleet.sidecars import COMMANDS, Fleet, Member
from bench.fleet.world import Pod, monitor_of, namespace_of
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kubernetes.aio.client import Configuration as KubeConfiguration

from llmmonitor_api.report.report import BYTES_LIMIT
from llmmonitor_api.report.told import named
from llmmonitor_api.signing import generate_private_key, public_key_bytes
from llmmonitor_api.spec import load_monitor
from llmmonitor_operator.configure import configuration_for
from llmmonitor_operator.evaluate.transitions import Transition
from llmmonitor_operator.keys.keyring import Keyring, SigningKey
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube, speaking
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.monitors import Key, Monitors
from llmmonitor_operator.preflight.verdict import Common
from llmmonitor_operator.process_settings import OperatorSettings
from llmmonitor_operator.reconcile.keep.audits import Audits
from llmmonitor_operator.reconcile.keep.checkpoints import Checkpoints
from llmmonitor_operator.reconcile.keep.verdict_keeper import VerdictKeeper
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics
from llmmonitor_operator.reconcile.monitor_pass import MonitorPass
from llmmonitor_operator.reconcile.namespace_pass import NamespacePass
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.publish.status_writer import StatusWriter
from llmmonitor_operator.reconcile.sidecars.client import SidecarClient
from llmmonitor_operator.reconcile.sidecars.pods_memory import PodsMemory
from llmmonitor_operator.reconcile.sidecars.pulling import Puller
from llmmonitor_operator.reconcile.sidecars.standing import address_of
from llmmonitor_operator.reconcile.sidecars.wire import Connections
from llmmonitor_operator.reconcile.watch.cluster_view import ClusterView

INTERVAL_SECONDS = 15.0
BLOCK = 8
_PATIENCE_SECONDS = 60.0
"""The process that answers may have to wait for a core."""


@dataclass(slots=True)
class Running:
    """An operator's passes, and the time they are told."""

    keys: tuple[Key, ...]
    parts: Parts
    one_pass: MonitorPass
    move: Callable[[], Any]
    """The clocks, by an interval."""
    has: dict[str, str] = field(default_factory=dict)
    """The report that came last from each sidecar that was only asked, by pod UID."""

    async def round(self) -> float:
        """One pass over each monitor, 15 s later; the CPU seconds of this process for all of them."""
        await self.move()
        began = time.process_time()
        await asyncio.gather(*map(self.one_pass, self.keys))
        return time.process_time() - began

    async def asked(self) -> float:
        """All sidecars only asked, 15 s later, and their answers decoded; the CPU seconds of this process."""
        await self.move()
        puller, memory = Puller(self.parts.sidecars, self.parts.metrics, site.RELEASE), PodsMemory()
        pods = [self.parts.view.pods(namespace) for namespace in {namespace for namespace, _ in self.keys}]
        memory.look([pod for some in pods for pod in some], 0.0)
        addresses = [[one for one in map(address_of, some) if one is not None] for some in pods]
        began = time.process_time()
        answers = await asyncio.gather(*(puller.pull(some, memory, self.has) for some in addresses))
        spent = time.process_time() - began
        for heard in answers:
            newest = {uid: one.identity for uid, one in heard.items()}
            self.has |= {uid: named(one.boot_id, one.sequence) for uid, one in newest.items()}
        return spent


@asynccontextmanager
async def running(monitors: int, pods: int) -> AsyncIterator[Running]:
    """So many monitors of so many pods each, injected, proved and serving."""
    private = generate_private_key()
    world, raws = _world(monitors, pods, private)
    clock = [BEGIN]
    host = KubeConfiguration(host=f"http://{COMMANDS}:{world.api_port}")
    async with _answering(world), speaking(host) as kube, aiohttp.ClientSession() as session:
        command = f"http://{COMMANDS}:{world.port}"

        async def move() -> None:
            clock[0] += INTERVAL_SECONDS
            await _get(session, f"{command}{CLOCK}{clock[0]}")

        await _get(session, f"{command}/serve")
        with contextlib.closing(
            Connections(BYTES_LIMIT, monitors * pods, timeout_seconds=_PATIENCE_SECONDS)
        ) as open_:
            parts = _parts(kube, raws, private, open_, lambda: clock[0])
            keys = tuple((raw["metadata"]["namespace"], raw["metadata"]["name"]) for raw in raws)
            found = Running(keys, parts, MonitorPass(parts, lambda: clock[0]), move)
            await parts.view.start()
            await parts.keeper.start(clock[0])
            await found.round()
            await NamespacePass(parts, lambda: clock[0]).look()
            yield found
            await parts.view.stop()


def _parts(
    kube: Kube,
    raws: list[dict[str, Any]],
    private: Ed25519PrivateKey,
    connections: Connections,
    clock: Callable[[], float],
) -> Parts:
    release = site.RELEASE
    monitors, view = Monitors(lambda _key: None), ClusterView(kube, (), lambda _namespace: None)
    for raw in raws:
        monitors.take(raw)
    public = base64.b64encode(public_key_bytes(private)).decode()
    common = Common(image=site.SIDECAR.image, public_keys=(public,), server_version="1.34")

    async def emit(_raw: Raw, _transition: Transition, _now: float) -> None:
        """Of no interest."""

    return Parts(
        settings=OperatorSettings(namespace=release, sidecar=site.SIDECAR),
        kube=kube,
        view=view,
        monitors=monitors,
        keeper=VerdictKeeper(kube, (release, f"{release}-verdicts"), common, view, monitors),
        sidecars=SidecarClient(connections, Keyring(SigningKey.of(private)), clock),
        status=StatusWriter(kube),
        checkpoints=Checkpoints(kube, release, release),
        audits=Audits(kube, release, release),
        metrics=OperatorMetrics(),
        emit=emit,
    )


def _world(monitors: int, pods: int, private: Ed25519PrivateKey) -> tuple[Loopback, list[dict[str, Any]]]:
    """What the other process answers from, and the monitors."""
    port, public = _free_port(), public_key_bytes(private)
    raws = [_monitor(number) for number in range(monitors)]
    lists: dict[str, list[dict[str, Any]]] = {paths.NAMESPACES: []}
    members: list[Member] = []
    for raw in raws:
        monitor = load_monitor(raw)
        namespace, name = monitor.metadata.namespace, monitor.metadata.name
        for _ in range(pods):
            number = len(members)
            pod = Pod(number, namespace, name, f"{name}-{number}")
            there = site.injected(pod, monitor, public, port)
            metadata = there["metadata"] | _metadata(pod.name, namespace, f"uid-{number}")
            there = {**there, "metadata": metadata, "status": site.running(pod)}
            lists.setdefault(paths.pods(namespace), []).append(there)
            members.append(Member(f"uid-{number}", pod.name, name, configuration_for(monitor)))
    for namespace in dict.fromkeys(raw["metadata"]["namespace"] for raw in raws):
        lists[paths.NAMESPACES].append({"metadata": _metadata(namespace)})
    return Loopback(Fleet(public, 0, members), port, _free_port(), lists), raws


def _monitor(number: int) -> dict[str, Any]:
    name = monitor_of(number)
    return {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "metadata": {**_metadata(name, namespace_of(number), f"monitor-{number}"), "generation": 1},
        "spec": {"selector": {"matchLabels": {site.MONITOR_LABEL: name}}},
    }


def _metadata(name: str, namespace: str = "", uid: str = "") -> dict[str, Any]:
    of = {"namespace": namespace, "uid": uid} if namespace else {"uid": name}
    return {"name": name, "creationTimestamp": "2026-01-05T12:00:00Z", "resourceVersion": "1", **of}


@asynccontextmanager
async def _answering(world: Loopback) -> AsyncIterator[None]:
    """The other process, from when it answers."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "world"
        file.write_bytes(msgspec.msgpack.encode(world))
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.fleet.loopback", str(file), cwd=Path(__file__).parents[1]
        )
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), aiohttp.ClientSession() as session:
                while True:
                    with contextlib.suppress(aiohttp.ClientError):
                        await _get(session, f"http://{COMMANDS}:{world.port}/state")
                        break
                    await asyncio.sleep(0.1)
            yield
        finally:
            program.terminate()
            await program.wait()


async def _get(session: aiohttp.ClientSession, url: str) -> None:
    async with session.get(url) as answer:
        await answer.read()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def _measured(monitors: int, pods: int, blocks: int, warm_up: int) -> list[float]:
    async with running(monitors, pods) as passes:
        for _ in range(warm_up):
            await passes.round()
        gc.collect()
        gc.freeze()
        return [sum([await passes.round() for _ in range(BLOCK)]) / BLOCK for _ in range(blocks)]


def measured(monitors: int, pods: int, blocks: int, warm_up: int) -> float:
    """CPU milliseconds of one monitor's pass, all in all: the mean over `BLOCK` passes, of the best block."""
    return 1000 * min(uvloop.run(_measured(monitors, pods, blocks, warm_up))) / monitors


async def _asked(monitors: int, pods: int, rounds: int) -> list[float]:
    async with running(monitors, pods) as passes:
        await passes.asked()  # knows none yet, and is told everything
        gc.collect()
        gc.freeze()
        return [await passes.asked() for _ in range(rounds)]


def asked(monitors: int, pods: int, rounds: int) -> list[float]:
    """CPU microseconds of asking for a report and decoding it, and nothing else, of each round."""
    return [1e6 * spent / (monitors * pods) for spent in uvloop.run(_asked(monitors, pods, rounds))]
