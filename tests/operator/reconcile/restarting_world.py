"""A world in which two pods of a ReplicaSet came before a monitor that asks for Restart."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.operator.kube_server import KubeServer
from tests.operator.model_pods import created_pod, moment
from tests.operator.reconcile import sidecar_double
from tests.operator.reconcile.operator_world import (
    IMAGE,
    KEY,
    MONITORS,
    PODS,
    SIGNING,
    World,
    operating,
    until,
)

from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.monitor_pass import MonitorPass

SETS = "/apis/apps/v1/namespaces/prod/replicasets"
DEPLOYMENTS = "/apis/apps/v1/namespaces/llm-monitor/deployments"
EVICTIONS = "/eviction"
OWNER = "uid-of-the-set"


@dataclass
class Restarting:
    """The world, a clock that the test moves, and a controller and kubelet that are the test."""

    world: World
    doubles: AsyncExitStack
    began: float = field(default_factory=time.time)
    later: float = 0.0
    """Seconds since then."""

    @property
    def server(self) -> KubeServer:
        return self.world.server

    def now(self) -> float:
        return self.began + self.later

    def begin_anew(self) -> None:
        """As another process would."""
        self.world.one_pass = MonitorPass(self.world.parts, self.now)
        self.world.parts.evictor.keep(())

    async def passed(self, after: float = 6.0) -> dict[str, Any]:
        """A pass some seconds later; the status then."""
        self.later += after
        names = {pod["metadata"]["name"]: pod["metadata"]["resourceVersion"] for pod in self._pods()}
        await until(lambda: names == self._seen())
        await self.world.passed()
        return dict(self.server.at(f"{MONITORS}/chat").get("status", {}))

    async def proved(self) -> None:
        """The sidecar was seen running in the namespace."""
        await self.world.parts.view.watch_pods(KEY[0])
        await self.world.parts.keeper.prove(KEY[0], self.now())

    def evictions(self) -> list[str]:
        """Names of the pods that were asked to go."""
        asked = [line for line in self.server.asked if line.endswith(EVICTIONS)]
        return [line.split("/")[-2] for line in asked]

    def old(self, name: str) -> None:
        """A pod of the set that came before the monitor."""
        pod = created_pod()
        pod["metadata"] |= {"name": name, "namespace": "prod", "creationTimestamp": moment(self.began - 7200)}
        self.server.put(PODS, self._running(pod, since=self.began - 7000))

    async def new(self, name: str, *, ready: bool = True, native: bool = True) -> None:
        """The set made a pod, the webhook put the sidecar in, and the kubelet runs both."""
        pod = created_pod()
        pod["metadata"] |= {"name": name, "namespace": "prod", "creationTimestamp": moment(self.now())}
        pod = self._running(pod, since=self.now() if ready else None)
        uid = f"uid-{name}"
        pod["metadata"]["uid"] = uid
        if native:
            double = await self.doubles.enter_async_context(sidecar_double.running(uid, SIGNING.public_key()))
            values = {"API_PORT": str(double.port), "MODE": "transparent", "TARGET_PORT": "8000"}
            env = [{"name": f"LLM_MONITOR_{key}", "value": value} for key, value in values.items()]
            ours = {"name": "llm-monitor-sidecar", "image": IMAGE, "restartPolicy": "Always", "env": env}
            pod["spec"]["initContainers"] = [ours]
            state = {"running": {"startedAt": moment(self.now())}}
            pod["status"]["initContainerStatuses"] = [{"name": ours["name"], "state": state}]
        self.server.put(PODS, pod)

    def gone(self, name: str) -> None:
        self.server.remove(f"{PODS}/{name}")

    def _running(self, pod: dict[str, Any], *, since: float | None) -> dict[str, Any]:
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "chat-7d4b9c", "uid": OWNER}
        pod["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
        started = {"running": {"startedAt": moment(since or self.now())}}
        ready = {"type": "Ready", "status": "False" if since is None else "True"}
        pod["status"] = {
            "phase": "Running",
            "podIP": "127.0.0.1",
            "conditions": [{**ready, "lastTransitionTime": moment(since or self.now())}],
            "containerStatuses": [{"name": "vllm", "restartCount": 0, "state": started}],
        }
        return pod

    def _pods(self) -> list[dict[str, Any]]:
        return [thing for key, thing in self.server.objects.items() if key[2] == "pods"]

    def _seen(self) -> dict[str, str]:
        seen = self.world.parts.view.pods(KEY[0])
        return {pod["metadata"]["name"]: pod["metadata"]["resourceVersion"] for pod in seen}


@asynccontextmanager
async def restarting(server: KubeServer, kube: Kube) -> AsyncIterator[Restarting]:
    """Pods a and b of a ReplicaSet, a monitor with Restart, a webhook; nothing is proved yet."""
    async with operating(server, kube) as world, AsyncExitStack() as doubles:
        found = Restarting(world, doubles)
        server.remove(f"{PODS}/chat-a")
        server.remove(f"{MONITORS}/chat")
        found.old("a")
        found.old("b")
        server.put(SETS, replica_set(2))
        webhook = {"metadata": {"name": "llm-monitor-webhook"}, "status": {"readyReplicas": 2}}
        server.put(DEPLOYMENTS, webhook)
        metadata = {"name": "chat", "namespace": "prod", "creationTimestamp": moment(found.began - 60)}
        spec = {"selector": {"matchLabels": {"app": "chat"}}, "existingPods": "Restart"}
        document = {"apiVersion": "llmmonitor.io/v1alpha1", "kind": "LLMMonitor", "metadata": metadata}
        server.put(MONITORS, {**document, "spec": spec})
        world.one_pass = MonitorPass(world.parts, found.now)
        await world.parts.view.watch_pods(KEY[0])
        yield found


def replica_set(replicas: int, ready: int | None = None) -> dict[str, Any]:
    """The set of a and b."""
    return {
        "metadata": {"name": "chat-7d4b9c", "uid": OWNER},
        "spec": {"replicas": replicas},
        "status": {"readyReplicas": replicas if ready is None else ready},
    }
