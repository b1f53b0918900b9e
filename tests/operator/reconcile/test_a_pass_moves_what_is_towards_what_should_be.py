"""Passes over a monitor whose API server and sidecar are real sockets, and whose kubelet is the test."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer, Refusal, refused
from tests.operator.model_pods import created_pod
from tests.operator.reconcile import sidecar_double
from tests.operator.reconcile.sidecar_double import SidecarDouble

from llmmonitor_api.signing import generate_private_key, public_key_bytes
from llmmonitor_operator.evaluate.transitions import Transition
from llmmonitor_operator.inject.plan import SidecarImage
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.monitors import Monitors
from llmmonitor_operator.preflight.verdict import Common
from llmmonitor_operator.process_settings import OperatorSettings
from llmmonitor_operator.reconcile.checkpoints import Checkpoints
from llmmonitor_operator.reconcile.cluster_view import ClusterView
from llmmonitor_operator.reconcile.farewell import say_farewell
from llmmonitor_operator.reconcile.metrics import OperatorMetrics
from llmmonitor_operator.reconcile.monitor_pass import MonitorPass
from llmmonitor_operator.reconcile.namespace_pass import NamespacePass
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.sidecar_client import SidecarClient
from llmmonitor_operator.reconcile.status_writer import StatusWriter
from llmmonitor_operator.reconcile.verdict_keeper import VerdictKeeper

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

    async def settled(self) -> None:
        """Until the mirrors have seen what the server holds."""
        version = self.server.at(f"{PODS}/chat-a")["metadata"]["resourceVersion"]

        def seen() -> bool:
            pods = {pod["metadata"]["name"]: pod for pod in self.parts.view.pods(KEY[0])}
            return bool(pods.get("chat-a", {}).get("metadata", {}).get("resourceVersion") == version)

        await _until(seen)

    async def passed(self) -> dict[str, dict[str, Any]]:
        """One pass; the conditions that are written then, by type."""
        self.parts.monitors.take(self.server.at(f"{MONITORS}/chat"))
        await self.one_pass(KEY)
        status = self.server.at(f"{MONITORS}/chat").get("status", {})
        return {one["type"]: one for one in status.get("conditions", [])}

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


async def _until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while True:
            if look():
                return
            await asyncio.sleep(0.01)


@pytest.fixture
async def world(server: KubeServer, kube: Kube) -> AsyncIterator[World]:
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

    async def emit(_raw: Raw, transition: Transition, _now: float) -> None:
        events.append(transition)

    async with aiohttp.ClientSession() as session:
        parts = Parts(
            settings=settings,
            kube=kube,
            view=view,
            monitors=monitors,
            keeper=VerdictKeeper(kube, ("llm-monitor", "llm-monitor-verdicts"), common, view, monitors),
            sidecars=SidecarClient(session, SIGNING),
            status=StatusWriter(kube),
            checkpoints=Checkpoints(kube, "llm-monitor", "llm-monitor"),
            metrics=OperatorMetrics(),
            emit=emit,
        )
        await view.start()
        await parts.keeper.start(0.0)
        yield World(server, parts, MonitorPass(parts), NamespacePass(parts), events)
        await view.stop()


async def test_a_running_model_is_attached_to_and_its_report_is_judged(world: World) -> None:
    before = await world.passed()

    pod = world.server.at(f"{PODS}/chat-a")
    [ours] = pod["spec"]["ephemeralContainers"]
    assert (ours["name"], ours["image"], ours["targetContainerName"]) == ("llm-monitor-1", IMAGE, "vllm")
    assert before["Injected"]["reason"] == "SidecarStarting"

    async with sidecar_double.running(pod["metadata"]["uid"], SIGNING.public_key()) as double:
        world.kubelet_runs(double)
        await world.settled()
        after = await world.passed()

    assert {kind: after[kind]["status"] for kind in ("Ready", "Injected", "Reporting")} == {
        "Ready": "True",
        "Injected": "True",
        "Reporting": "True",
    }
    assert double.configuration.generation > 2**40, "the settings of the monitor were pushed"


async def test_one_pass_more_changes_nothing(world: World) -> None:
    await world.passed()
    pod = world.server.at(f"{PODS}/chat-a")
    async with sidecar_double.running(pod["metadata"]["uid"], SIGNING.public_key()) as double:
        world.kubelet_runs(double)
        await world.settled()
        await world.passed()
        written = [line for line in world.server.writes() if "dryRun" not in line]

        await world.passed()

    assert [line for line in world.server.writes() if "dryRun" not in line] == written


async def test_a_stranger_on_the_pods_address_is_not_believed(world: World) -> None:
    await world.passed()
    async with sidecar_double.running("another-uid", SIGNING.public_key()) as double:
        world.kubelet_runs(double)
        await world.settled()
        found = await world.passed()

    assert found["Reporting"]["status"] != "True"
    assert double.sequence == 0


async def test_a_sidecar_made_under_another_key_is_outdated(world: World) -> None:
    await world.passed()
    pod = world.server.at(f"{PODS}/chat-a")
    stranger = generate_private_key().public_key()
    async with sidecar_double.running(pod["metadata"]["uid"], stranger) as double:
        world.kubelet_runs(double)
        await world.settled()
        found = await world.passed()

    assert found["Injected"]["reason"] == "Outdated"


async def test_the_words_of_pod_security_are_said_and_nothing_is_attached(world: World) -> None:
    words = 'pods "chat-a" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot'

    async def forbids(request: web.Request) -> web.StreamResponse | None:
        return refused(Refusal(403, words, "Forbidden")) if "ephemeralcontainers" in request.path else None

    world.server.fault = forbids
    found = await world.passed()

    assert found["Injected"]["status"] == "False"
    assert found["Injected"]["reason"] == "PodSecurityForbids"
    assert "runAsNonRoot" in found["Injected"]["message"]
    assert "ephemeralContainers" not in world.server.at(f"{PODS}/chat-a")["spec"]


async def test_a_service_by_number_is_published_with_the_next_pass(world: World) -> None:
    monitor = world.server.at(f"{MONITORS}/chat")
    monitor["spec"] |= {"interception": {"mode": "Port"}, "existingPods": "Ignore"}
    world.server.put(MONITORS, monitor)
    await world.passed()
    service = {"selector": {"app": "chat"}, "ports": [{"port": 80, "targetPort": 8000}]}

    world.server.put("/api/v1/namespaces/prod/services", {"metadata": {"name": "web"}, "spec": service})
    await _until(lambda: bool(world.parts.view.services("prod")))
    await world.passed()

    verdicts = world.server.at("/api/v1/namespaces/llm-monitor/configmaps/llm-monitor-verdicts")["data"]
    assert '"service":"web"' in verdicts["prod"]


async def test_no_matching_pods_is_no_failure(world: World) -> None:
    world.server.remove(f"{PODS}/chat-a")

    found = await world.passed()

    assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("True", "NoMatchingPods")
    assert (found["Injected"]["status"], found["Injected"]["reason"]) == ("Unknown", "NoMatchingPods")


async def test_a_takeover_takes_the_conditions_from_the_object_and_announces_nothing_twice(
    world: World,
) -> None:
    await world.passed()
    pod = world.server.at(f"{PODS}/chat-a")
    async with sidecar_double.running(pod["metadata"]["uid"], SIGNING.public_key()) as double:
        world.kubelet_runs(double)
        await world.settled()
        before = await world.passed()
        world.events.clear()

        world.one_pass = MonitorPass(world.parts)  # as another process would begin, with no checkpoint
        after = await world.passed()

    assert {kind: (one["status"], one["lastTransitionTime"]) for kind, one in after.items()} == {
        kind: (one["status"], one["lastTransitionTime"]) for kind, one in before.items()
    }
    assert not world.events


async def test_a_pod_that_no_monitor_selects_any_more_is_told_to_stop(world: World) -> None:
    await world.passed()
    pod = world.server.at(f"{PODS}/chat-a")
    async with sidecar_double.running(pod["metadata"]["uid"], SIGNING.public_key()) as double:
        world.kubelet_runs(double)
        await world.settled()
        await world.passed()

        world.parts.monitors.drop(KEY)
        await world.one_pass(KEY)
        await world.namespace_pass.look()

        assert double.configuration.stop

        await world.passed()
        assert not double.configuration.stop, "a monitor that selects it again brings it back"


async def test_an_uninstalled_release_stops_its_sidecars_and_a_restarted_one_does_not(world: World) -> None:
    deployments = "/apis/apps/v1/namespaces/llm-monitor/deployments"
    world.server.put(deployments, {"metadata": {"name": "llm-monitor-operator"}})
    await world.passed()
    pod = world.server.at(f"{PODS}/chat-a")
    async with sidecar_double.running(pod["metadata"]["uid"], SIGNING.public_key()) as double:
        world.kubelet_runs(double)
        await world.settled()
        await world.passed()

        await say_farewell(world.parts)
        assert not double.configuration.stop

        world.server.remove(f"{deployments}/llm-monitor-operator")
        await say_farewell(world.parts)
        assert double.configuration.stop
