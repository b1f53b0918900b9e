"""The operator's process: waits for the lease, then puts the parts together and runs until told to stop."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import resource
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from llmmonitor_api.people import people_key
from llmmonitor_api.report.report import BYTES_LIMIT
from llmmonitor_operator.certificates.store import CertificateStore, Place
from llmmonitor_operator.evaluate.transitions import Transition
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube, connected
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.kube.labels import of_release
from llmmonitor_operator.kube.owner import owner_reference
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.monitors import Monitors
from llmmonitor_operator.preflight.verdict import Common
from llmmonitor_operator.process_settings import Certificates, OperatorSettings
from llmmonitor_operator.reconcile import key_pass, namespace_pass, unwatched_monitors
from llmmonitor_operator.reconcile.agreement import drop_verdicts_of_former_shards, lead_shard
from llmmonitor_operator.reconcile.farewell import say_farewell
from llmmonitor_operator.reconcile.keep.audits import Audits
from llmmonitor_operator.reconcile.keep.checkpoints import Checkpoints
from llmmonitor_operator.reconcile.keep.signing_key import SigningKeys
from llmmonitor_operator.reconcile.keep.verdict_keeper import VerdictKeeper
from llmmonitor_operator.reconcile.key_pass import KeyPass
from llmmonitor_operator.reconcile.loop import Loop
from llmmonitor_operator.reconcile.metrics.health import serving
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics
from llmmonitor_operator.reconcile.monitor_pass import MonitorPass
from llmmonitor_operator.reconcile.namespace_pass import NamespacePass
from llmmonitor_operator.reconcile.orphans import namespaces_with_sidecars
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.people.desk import Desk
from llmmonitor_operator.reconcile.people.door import Door, open_door
from llmmonitor_operator.reconcile.publish.allowance import Allowance
from llmmonitor_operator.reconcile.publish.events import emit
from llmmonitor_operator.reconcile.publish.status_writer import StatusWriter
from llmmonitor_operator.reconcile.readiness import Readiness
from llmmonitor_operator.reconcile.sidecars.client import SidecarClient
from llmmonitor_operator.reconcile.sidecars.wire import Connections
from llmmonitor_operator.reconcile.unwatched_monitors import UnwatchedMonitors
from llmmonitor_operator.reconcile.watch.cluster_view import ClusterView
from llmmonitor_operator.reconcile.watch.own_deployment import OwnDeployment
from llmmonitor_operator.reconcile.watch.watch_monitors import watch_monitors
from llmmonitor_operator.shards import lease_name, verdicts_name

SWEEP_SECONDS = 3600.0
_FILES = 16384
"""Open at once: a connection to each of ten thousand sidecars, and room."""
_OTHER_FILES = 1024
SAVE_SECONDS = 5.0
"""For the last words to sidecars, and for the last checkpoints, of a pod's 30 s of grace."""

_log = logging.getLogger(__name__)


async def run(settings: OperatorSettings) -> None:
    """Serve health and metrics, lead when it is our turn, and end on SIGTERM.

    Raises:
        LostLease: another one leads now.
        ApiError: the API server refuses what the operator cannot do without.
    """
    this = asyncio.current_task()
    assert this is not None  # noqa: S101 - a coroutine that runs is in a task
    for number in (signal.SIGTERM, signal.SIGINT):  # while leading, kopf has handlers of its own
        asyncio.get_running_loop().add_signal_handler(number, this.cancel)
    try:
        await _wait_and_lead(settings)
    except asyncio.CancelledError:
        _log.info("told to stop")


async def _wait_and_lead(settings: OperatorSettings) -> None:
    metrics, readiness = OperatorMetrics(), Readiness()
    async with connected(settings.kubeconfig) as kube, serving(settings.port, metrics, readiness.why_not):
        await lead_shard(
            kube,
            settings.namespace,
            settings.name,
            settings.pod_name,
            settings.shard,
            lambda: Leader(settings, kube, metrics, readiness).work(),
            owner=lambda: _owner(kube, settings),
            seen=readiness.read_lease,
        )


class Leader:
    """What the one that holds the lease does."""

    def __init__(
        self, settings: OperatorSettings, kube: Kube, metrics: OperatorMetrics, readiness: Readiness
    ) -> None:
        self._settings = settings
        self._kube = kube
        self._metrics = metrics
        self._readiness = readiness
        self._allowance = Allowance()
        self._deployment = OwnDeployment(kube, settings.namespace, f"{settings.name}-operator")

    async def work(self) -> None:
        """Until SIGTERM or SIGINT."""
        self._readiness.takes_over()
        settings, kube = self._settings, self._kube
        signing_keys = SigningKeys(kube, settings.namespace, settings.name, settings.shard.count)
        keys = await signing_keys.load()
        owner = await _owner(kube, settings)
        with contextlib.closing(Connections(BYTES_LIMIT, _idle_connections())) as connections:
            loop = Loop(failed=lambda: self._metrics.failed("pass"))
            monitors = Monitors(loop.wake, settings.namespace, settings.shard)
            view = ClusterView(kube, settings.watch_namespaces, loop.wake_namespace, shard=settings.shard)
            keeper = VerdictKeeper(
                kube,
                (settings.namespace, verdicts_name(settings.name, settings.shard.index)),
                await self._common(tuple(key.public for key in keys.trusted)),
                view,
                monitors,
                failed=lambda: self._metrics.failed("verdicts"),
                shard=settings.shard,
                owners=[owner],
            )
            parts = Parts(
                settings=settings,
                kube=kube,
                view=view,
                monitors=monitors,
                keeper=keeper,
                sidecars=SidecarClient(connections, keys),
                status=StatusWriter(kube),
                checkpoints=Checkpoints(kube, settings.namespace, settings.name),
                audits=Audits(kube, settings.namespace, settings.name, self._metrics.people.recorded),
                metrics=self._metrics,
                fingerprint_key=await signing_keys.fingerprint_key(),
                emit=partial(self.emit, view),
            )
            one_pass = MonitorPass(parts)
            try:
                await self._lead(parts, loop, one_pass, KeyPass(parts, signing_keys), owner)
            finally:
                await loop.stop()
                await view.stop()
                self._metrics.leads(leading=False)
                # also when the lease was lost: an uninstall takes the right to renew it before the process
                await _at_most(
                    SAVE_SECONDS, "telling sidecars to stop", say_farewell(parts, self._deployment)
                )
            await _at_most(SAVE_SECONDS, "saving checkpoints", one_pass.save_all())

    async def _lead(
        self, parts: Parts, loop: Loop, one_pass: MonitorPass, keys: KeyPass, owner: dict[str, Any]
    ) -> None:
        self._metrics.leads(leading=True)
        self._metrics.watches(lambda: len(parts.view.problems))
        await parts.view.start()
        await parts.keeper.start(time.time())
        await self._own(owner)
        if self._settings.shard.first:
            await drop_verdicts_of_former_shards(
                self._kube, self._settings.namespace, self._settings.name, self._settings.shard.count
            )
        unwatched = UnwatchedMonitors(
            self._kube,
            parts.monitors,
            self._settings.watch_namespaces,
            lambda: self._metrics.failed("namespace of monitors"),
        )
        await unwatched.look()
        await one_pass.recall()
        loop.start(one_pass, one_pass.push_change)
        self._readiness.leads()
        for namespace in await namespaces_with_sidecars(
            self._kube, self._settings.watch_namespaces, self._settings.shard
        ):
            try:
                await parts.view.watch_pods(namespace)
            except ApiError as error:  # their mirror runs on, and `NamespacePass` looks at what it finds
                _log.warning("%s", error)
        background = [
            asyncio.create_task(self._deployment.run()),
            asyncio.create_task(parts.view.until_broken()),
            asyncio.create_task(
                self._again_and_again("namespaces", NamespacePass(parts).look, namespace_pass.EVERY_SECONDS)
            ),
            asyncio.create_task(self._again_and_again("sweep", lambda: _sweep(parts), SWEEP_SECONDS)),
            asyncio.create_task(
                self._again_and_again("unwatched monitors", unwatched.look, unwatched_monitors.EVERY_SECONDS)
            ),
            asyncio.create_task(self._again_and_again("signing keys", keys.look, key_pass.EVERY_SECONDS)),
        ]
        if self._settings.certificates is Certificates.OPERATOR and self._settings.shard.first:
            ours = Place(namespace=self._settings.namespace, name=self._settings.name, owner=owner)
            store = CertificateStore(self._kube, ours, failed=lambda: self._metrics.failed("certificates"))
            self._metrics.certificates(lambda: bool(store.problem))
            background.append(asyncio.create_task(store.keep()))
        watching = asyncio.create_task(
            watch_monitors(
                lambda kind, raw: _take(parts.monitors, kind, raw),
                self._settings.watch_namespaces,
                self._settings.kubeconfig,
            )
        )
        try:
            async with self._answering_people(parts, loop):
                await asyncio.wait({watching, *background}, return_when=asyncio.FIRST_COMPLETED)
                for task in background:
                    if task.done():
                        task.result()
                await watching
        finally:
            for task in (watching, *background):
                task.cancel()
            await asyncio.gather(watching, *background, return_exceptions=True)

    @asynccontextmanager
    async def _answering_people(self, parts: Parts, loop: Loop) -> AsyncIterator[None]:
        """Where the chart has it so; standbys answer nobody."""
        if not self._settings.people_port:
            yield
            return
        desk = Desk(parts, loop.wake, time.time)
        keys = parts.sidecars
        door = Door(
            desk,
            lambda: [people_key(one.private) for one in keys.keys.trusted],
            time.time,
            parts.metrics.people,
        )
        async with open_door(door, self._settings.people_port):
            yield

    async def _again_and_again(
        self, work: str, look: Callable[[], Awaitable[None]], every_seconds: float
    ) -> None:
        """What fails is said, counted, and tried again: the API server may be away for a while."""
        while True:
            try:
                await look()
            except ApiError as error:
                self._metrics.failed(work)
                _log.warning("%s: %s; tried again in %.0f s", work, error, every_seconds)
            except Exception:  # noqa: BLE001 - a shell that must survive anything
                self._metrics.failed(work)
                _log.exception("%s: tried again in %.0f s", work, every_seconds)
            await asyncio.sleep(every_seconds)

    async def _own(self, owner: dict[str, Any]) -> None:
        """The Lease and the verdicts go with the Deployment, of today: it may have been made anew."""
        settings = self._settings
        change = {"metadata": {"labels": of_release("operator"), "ownerReferences": [owner]}}
        for path in (
            paths.lease(settings.namespace, lease_name(settings.name, settings.shard.index)),
            paths.config_map(settings.namespace, verdicts_name(settings.name, settings.shard.index)),
        ):
            await self._kube.patch(path, change)

    async def _common(self, public_keys: tuple[bytes, ...]) -> Common:
        sidecar = self._settings.sidecar
        version = await self._kube.get("/version")
        return Common(
            image=sidecar.image,
            pull_policy=sidecar.pull_policy,
            cpu_request=sidecar.cpu_request,
            memory_request=sidecar.memory_request,
            memory_limit=sidecar.memory_limit,
            guaranteed_cpu=sidecar.guaranteed_cpu,
            nvidia_devices=sidecar.nvidia_devices,
            dcgm_exporter=sidecar.dcgm_exporter,
            public_keys=tuple(base64.b64encode(key).decode() for key in public_keys),
            server_version=f"{version.get('major', '')}.{version.get('minor', '')}".rstrip("+"),
        )

    async def emit(self, view: ClusterView, raw: Raw, transition: Transition, now: float) -> None:
        """Make an Event of a transition, unless its monitor has had its share."""
        if view.is_ending(raw["metadata"]["namespace"]):
            return
        if not self._allowance.takes(raw["metadata"]["uid"], now):
            self._metrics.event_emitted("dropped")
            return
        done = await emit(self._kube, raw, transition, now, self._settings.pod_name)
        self._metrics.event_emitted("ok" if done else "failed")


async def _owner(kube: Kube, settings: OperatorSettings) -> dict[str, Any]:
    """A reference to the operator's Deployment: what goes with the release refers to it.

    Shard 0's also for the others: a Lease must not vanish under its holder when there are to be fewer.
    """
    return await owner_reference(kube, settings.namespace, lease_name(settings.name, 0))


def _take(monitors: Monitors, kind: str, raw: dict[str, Any]) -> None:
    if kind == "DELETED":
        metadata = raw["metadata"]
        monitors.drop((metadata["namespace"], metadata["name"]), metadata["uid"])
    else:
        monitors.take(raw)


def _idle_connections() -> int:
    """As many as we may have files open, but for what else needs some; asks for more than is usual."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(wanted // 4, wanted - _OTHER_FILES)


async def _sweep(parts: Parts) -> None:
    now = time.time()
    await parts.checkpoints.sweep(parts.monitors.uids, now, parts.settings.shard)
    await parts.audits.sweep(parts.monitors.raws, now)


async def _at_most(seconds: float, what: str, work: Awaitable[None]) -> None:
    """The lease is given back in any case: what is not done by then the next leader finds undone."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        _log.warning("%s was not done within %.0f s of the end", what, seconds)
