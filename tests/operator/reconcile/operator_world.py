"""A cluster of one namespace on loopback, and an operator in it that does a pass when it is told to."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.operator.kube_server import KubeServer
from tests.operator.model_pods import created_pod
from tests.operator.reconcile import sidecar_double
from tests.operator.reconcile.sidecar_double import SidecarDouble

from llmmonitor_api.report.report import BYTES_LIMIT
from llmmonitor_api.signing import generate_private_key, public_key_bytes
from llmmonitor_operator.evaluate.transitions import Transition
from llmmonitor_operator.inject.plan import SidecarImage
from llmmonitor_operator.keys.keyring import Keyring, SigningKey
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.monitors import Monitors
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
from llmmonitor_operator.reconcile.sidecars.connection import Connection
from llmmonitor_operator.reconcile.sidecars.wire import Connections
from llmmonitor_operator.reconcile.watch.cluster_view import ClusterView

KEY = ("prod", "chat")
IMAGE = "registry.test/sidecar@sha256:1"
PODS = "/api/v1/namespaces/prod/pods"
MONITORS = "/apis/llmmonitor.io/v1alpha1/namespaces/prod/llmmonitors"
SIGNING = generate_private_key()


@dataclass
class World:
    """A cluster of one namespace, and an operator that does a pass when it is told to."""

    server: KubeServer
    parts: Parts
    one_pass: MonitorPass
    namespace_pass: NamespacePass
    events: list[Transition] = field(default_factory=list)
    doubles: list[SidecarDouble] = field(default_factory=list)

    async def told_on(self) -> int:
        """The time has come in which sidecars tell more that were asked for it; how many did."""
        connections, told = self.parts.sidecars._connections, 0
        for double in self.doubles:
            connection = connections._going_on.get(("127.0.0.1", double.port))
            if connection is not None:
                await until(double.repeating.is_waiting)
                known = connection._told
                double.repeating.go_on()
                await until(partial(_has_told_another, connection, known))
                told += 1
        return told

    async def settled(self) -> None:
        """Until the mirrors have seen what the server holds."""
        version = self.server.at(f"{PODS}/chat-a")["metadata"]["resourceVersion"]

        def seen() -> bool:
            pods = {pod["metadata"]["name"]: pod for pod in self.parts.view.pods(KEY[0])}
            return bool(pods.get("chat-a", {}).get("metadata", {}).get("resourceVersion") == version)

        await until(seen)

    async def passed(self) -> dict[str, dict[str, Any]]:
        """One pass; the conditions that are written then, by type."""
        self.parts.monitors.take(self.server.at(f"{MONITORS}/chat"))
        await self.one_pass(KEY)
        status = self.server.at(f"{MONITORS}/chat").get("status", {})
        return {one["type"]: one for one in status.get("conditions", [])}

    @asynccontextmanager
    async def attached(self) -> AsyncIterator[SidecarDouble]:
        """A first pass attaches to the pod, and the container runs: its sidecar, which nobody asked yet."""
        await self.passed()
        uid = self.server.at(f"{PODS}/chat-a")["metadata"]["uid"]
        async with sidecar_double.running(uid, SIGNING.public_key()) as double:
            self.kubelet_runs(double)
            self.doubles.append(double)
            await self.settled()
            yield double

    def kubelet_runs(self, double: SidecarDouble) -> None:
        """The attached container runs, and answers at the double's port."""
        pod = self.server.at(f"{PODS}/chat-a")
        [ours] = pod["spec"]["ephemeralContainers"]
        for variable in ours["env"]:
            if variable["name"] == "LLM_MONITOR_API_PORT":
                variable["value"] = str(double.port)
        state = {"running": {"startedAt": "2026-01-05T12:00:00Z"}}
        status = {**pod["status"], "ephemeralContainerStatuses": [{"name": ours["name"], "state": state}]}
        self.server.put(PODS, {**pod, "status": status})


def _has_told_another(connection: Connection, known: bytes | None) -> bool:
    return connection._told is not known


async def until(look: Callable[[], bool]) -> None:
    """Within five seconds."""
    async with asyncio.timeout(5):
        while True:
            if look():
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def operating(server: KubeServer, kube: Kube) -> AsyncIterator[World]:
    """A pod of a model and a monitor that selects it are there; nothing was looked at yet."""
    server.put("/api/v1/namespaces", {"metadata": {"name": "prod", "labels": {}}})
    pod = created_pod()
    pod["metadata"] |= {"name": "chat-a", "namespace": "prod"}
    running = {"running": {"startedAt": "2026-01-05T12:00:00Z"}}
    pod["status"] = {
        "phase": "Running",
        "podIP": "127.0.0.1",
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "True"}],
        "containerStatuses": [{"name": "vllm", "restartCount": 0, "state": running}],
    }
    server.put(PODS, pod)
    monitor = {"metadata": {"name": "chat"}, "spec": {"selector": {"matchLabels": {"app": "chat"}}}}
    server.put(MONITORS, {"apiVersion": "llmmonitor.io/v1alpha1", "kind": "LLMMonitor", **monitor})
    settings = OperatorSettings(namespace="llm-monitor", sidecar=SidecarImage(image=IMAGE))
    monitors = Monitors(lambda _key: None)
    view = ClusterView(kube, (), lambda _namespace: None)
    common = Common(
        image=IMAGE,
        public_keys=(base64.b64encode(public_key_bytes(SIGNING)).decode(),),
        server_version="1.34",
    )
    events: list[Transition] = []
    metrics = OperatorMetrics()

    async def emit(_raw: Raw, transition: Transition, _now: float) -> None:
        events.append(transition)

    with contextlib.closing(Connections(BYTES_LIMIT)) as connections:
        parts = Parts(
            settings=settings,
            kube=kube,
            view=view,
            monitors=monitors,
            keeper=VerdictKeeper(kube, ("llm-monitor", "llm-monitor-verdicts"), common, view, monitors),
            sidecars=SidecarClient(connections, Keyring(SigningKey.of(SIGNING))),
            status=StatusWriter(kube),
            checkpoints=Checkpoints(kube, "llm-monitor", "llm-monitor"),
            audits=Audits(kube, "llm-monitor", "llm-monitor", metrics.people.recorded),
            metrics=metrics,
            emit=emit,
        )
        await view.start()
        await parts.keeper.start(0.0)
        yield World(server, parts, MonitorPass(parts), NamespacePass(parts), events)
        await view.stop()
