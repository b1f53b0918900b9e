"""A leader's whole work against an API server on loopback: kopf, mirrors, passes, keys, certificates."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.operator import kube_server
from tests.operator.kube_server import KubeServer
from tests.operator.model_pods import running, running_pod, with_attached
from tests.operator.reconcile import sidecar_double
from tests.operator.reconcile.operator_world import IMAGE, MONITORS, PODS, until
from tests.operator.reconcile.sidecar_double import SidecarDouble

from llmmonitor_operator.inject.plan import SidecarImage
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.lease import LostLease, Terms, lead
from llmmonitor_operator.process_settings import OperatorSettings
from llmmonitor_operator.reconcile.keep.signing_key import SigningKeys
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics
from llmmonitor_operator.reconcile.readiness import Readiness
from llmmonitor_operator.reconcile.run import Leader

OWN = "llm-monitor"
LEASE = paths.lease(OWN, "llm-monitor-operator")
SHORT = Terms(lease_seconds=4, renew_deadline_seconds=3.0, retry_seconds=1.0)
SPEC = {"selector": {"matchLabels": {"app": "chat"}}}
VERBS = ["get", "list", "watch", "patch"]
GROUP_VERSION = {"groupVersion": "llmmonitor.io/v1alpha1", "version": "v1alpha1"}
GROUP = {"name": "llmmonitor.io", "versions": [GROUP_VERSION], "preferredVersion": GROUP_VERSION}
NAMESPACES = {"name": "namespaces", "singularName": "namespace", "kind": "Namespace", "namespaced": False}
LLM_MONITORS = {"name": "llmmonitors", "singularName": "llmmonitor", "kind": "LLMMonitor", "namespaced": True}
DISCOVERED: dict[str, dict[str, Any]] = {
    "/version": {"major": "1", "minor": "34"},
    "/api": {"versions": ["v1"]},
    "/api/v1": {"resources": [{**NAMESPACES, "verbs": VERBS}]},
    "/apis": {"groups": [GROUP]},
    "/apis/llmmonitor.io/v1alpha1": {"resources": [{**LLM_MONITORS, "verbs": VERBS}]},
}
"""What kopf looks for before it watches."""


@dataclass
class Leading:
    """One that leads in a thread of its own: kopf, when it ends, cancels all younger tasks of its loop."""

    server: KubeServer
    metrics: OperatorMetrics
    ended: asyncio.Task[set[str]]
    """With the tasks that it left behind, in words."""

    def led(self) -> float | None:
        return self.metrics.registry.get_sample_value("llm_monitor_operator_leading")

    async def loses_the_lease(self) -> set[str]:
        """To another; gives what it left behind."""
        await until(lambda: self.server.has(LEASE))
        lease = self.server.at(LEASE)
        spec = {**lease["spec"], "holderIdentity": "another", "renewTime": "2999-01-01T00:00:00.000000Z"}
        self.server.put(paths.leases(OWN), {**lease, "spec": spec})
        return await asyncio.wait_for(self.ended, 20)


async def led_until_lost(url: str, settings: OperatorSettings, metrics: OperatorMetrics) -> set[str]:
    """The tasks that are left, but for the election's own, which waits for the process to end."""
    async with kube_server.connected(url) as kube:
        work = Leader(settings, kube, metrics, Readiness()).work
        with pytest.raises(LostLease):
            await lead(kube, OWN, "llm-monitor-operator", "one", work, terms=SHORT)
        left = {str(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        return {task for task in left if "coro=<lead.<locals>.started()" not in task}


@asynccontextmanager
async def leading(
    server: KubeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Leading]:
    cluster = {"name": "c", "cluster": {"server": server.url}}
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    users = [{"name": "u", "user": {}}]
    config = {"clusters": [cluster], "contexts": [context], "users": users, "current-context": "x"}
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(file))  # by which kopf finds it

    async def discovery(request: web.Request) -> web.StreamResponse | None:
        found = DISCOVERED.get(request.path)
        return web.json_response(found) if found else None

    server.fault = discovery
    for name in ("prod", "left", OWN):
        server.put(paths.NAMESPACES, {"metadata": {"name": name, "labels": {}}})
    server.put(paths.deployments(OWN), {"metadata": {"name": "llm-monitor-operator"}})
    settings = OperatorSettings(
        namespace=OWN, sidecar=SidecarImage(image=IMAGE), pod_name="one", kubeconfig=str(file)
    )
    metrics = OperatorMetrics()
    run = asyncio.to_thread(lambda: asyncio.run(led_until_lost(server.url, settings, metrics)))
    one = Leading(server, metrics, asyncio.create_task(run))
    try:
        yield one
    finally:
        if not one.ended.done():
            await one.loses_the_lease()


def with_sidecar(namespace: str, double: SidecarDouble) -> dict[str, Any]:
    """A pod with an attached sidecar, which answers at the double's port."""
    pod = with_attached(running_pod(), running(0.0), image=IMAGE)
    pod["metadata"] |= {"namespace": namespace, "uid": double.pod_uid}
    pod["status"]["podIP"] = "127.0.0.1"
    told = {"API_PORT": str(double.port), "TARGET_PORT": "8000", "MODE": "transparent"}
    pod["spec"]["ephemeralContainers"][0]["env"] = [
        {"name": f"LLM_MONITOR_{name}", "value": value} for name, value in told.items()
    ]
    return pod


def begun(server: KubeServer, key: str) -> dict[str, bool]:
    """What only one part of the work asks for or writes, by that part."""
    asked = server.asked
    secrets = paths.secrets(OWN)
    return {
        "kopf's watch": any("/llmmonitors?" in one and "watch=true" in one for one in asked),
        "the mirrors": any("/resourcequotas?" in one and "watch=true" in one for one in asked),
        "the passes": "status" in server.at(f"{MONITORS}/chat"),
        "the sweep": any("/configmaps?" in one and "checkpoint" in one for one in asked),
        "the keys' pass": sum(one == f"GET {secrets}/{key}" for one in asked) > 1,
        "the certificates": server.has(f"{secrets}/llm-monitor-webhook-tls"),
        "its own Deployment's watch": any("/deployments?" in one and "watch=true" in one for one in asked),
        "monitors that nobody watches": any(
            "/llmmonitors?" in one and "watch=true" not in one and "limit=" in one for one in asked
        ),
    }


@pytest.mark.parametrize("uninstalled", [False, True], ids=["lost to another", "uninstalled"])
async def test_it_starts_every_pass_and_ends_all_when_another_has_the_lease(
    server: KubeServer, kube: Kube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, uninstalled: bool
) -> None:
    keys = SigningKeys(kube, OWN, OWN, 1)
    public = (await keys.load()).current.private.public_key()
    document = {"apiVersion": "llmmonitor.io/v1alpha1", "kind": "LLMMonitor", "spec": SPEC}
    server.put(MONITORS, {**document, "metadata": {"name": "chat"}})

    async with (
        sidecar_double.running("uid-mine", public) as mine,
        sidecar_double.running("uid-left", public) as left,
        leading(server, tmp_path, monkeypatch) as one,
    ):
        server.put(PODS, with_sidecar("prod", mine))
        server.put(paths.pods("left"), with_sidecar("left", left))

        await until(lambda: all(begun(server, "llm-monitor-signing-key").values()))
        await until(lambda: left.configuration.stop)  # by the pass over namespaces
        await until(lambda: mine.sequence > 0)
        assert one.led() == 1.0
        if uninstalled:
            server.remove(paths.deployment(OWN, "llm-monitor-operator"))
        left_behind = await one.loses_the_lease()

        assert left_behind == set()
        assert one.led() == 0.0
        assert mine.configuration.stop is uninstalled
        assert server.asked[-1] == f"GET {paths.deployment(OWN, 'llm-monitor-operator')}"
        assert server.at(LEASE)["spec"]["holderIdentity"] == "another"
