"""Judging a namespace is what stops our sidecar from blocking pods: nothing elsewhere may be in its way."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiohttp import web
from tests.operator.kube_server import Refusal, refused
from tests.operator.model_pods import created_pod, moment
from tests.operator.reconcile.operator_world import IMAGE, World, until

from llmmonitor_operator.kube import paths
from llmmonitor_operator.reconcile.namespace_pass import NamespacePass

_RUNS = {"running": {"startedAt": "2026-01-05T12:00:00Z"}}


def _sidecar(port: int = 14002) -> dict[str, Any]:
    env = [{"name": "LLM_MONITOR_API_PORT", "value": str(port)}]
    return {"name": "llm-monitor-sidecar", "image": IMAGE, "restartPolicy": "Always", "env": env}


def _blocked_pod(name: str) -> dict[str, Any]:
    """Its injected sidecar has not started for a minute."""
    pod = created_pod()
    pod["metadata"] |= {"name": name, "namespace": "prod"}
    pod["spec"]["initContainers"] = [_sidecar()]
    since = {"type": "PodReadyToStartContainers", "status": "True"}
    pod["status"] = {
        "phase": "Pending",
        "conditions": [since | {"lastTransitionTime": moment(time.time() - 60)}],
        "initContainerStatuses": [
            {"name": "llm-monitor-sidecar", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
        ],
    }
    return pod


def _orphan(name: str, port: int) -> dict[str, Any]:
    """Its sidecar runs, no monitor selects it."""
    pod = created_pod()
    pod["metadata"] |= {"name": name, "labels": {"app": "nobodys"}}
    pod["spec"]["initContainers"] = [_sidecar(port)]
    statuses = [{"name": "llm-monitor-sidecar", "state": _RUNS}]
    pod["status"] = {"phase": "Running", "podIP": "127.0.0.1", "initContainerStatuses": statuses}
    return pod


async def _sees(world: World, namespace: str, name: str) -> None:
    await world.parts.view.watch_pods(namespace)
    await until(lambda: name in {pod["metadata"]["name"] for pod in world.parts.view.pods(namespace)})


async def test_sidecars_that_never_answer_delay_no_judgement(world: World) -> None:
    over = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    silent = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    for number in range(5):
        world.server.put(paths.pods("a-quarter"), _orphan(f"orphan-{number}", port))
    await world.passed()
    world.server.put(paths.pods("prod"), _blocked_pod("new"))
    await _sees(world, "prod", "new")
    await _sees(world, "a-quarter", "orphan-4")

    looking = asyncio.create_task(world.namespace_pass.look())
    await until(lambda: bool(world.parts.keeper.of("prod", time.time()).suspended))

    assert not looking.done()
    async with asyncio.timeout(5):  # five of three seconds each, at once
        await looking
    over.set()
    silent.close()


async def test_a_namespace_with_a_pod_that_cannot_be_read_is_one(world: World) -> None:
    strange = _blocked_pod("strange")
    strange["status"]["initContainerStatuses"] = [None]
    monitor = world.server.at(f"{paths.monitors('prod')}/chat")
    world.server.put(paths.monitors("a-quarter"), {**monitor, "metadata": {"name": "chat"}})
    world.parts.monitors.take(world.server.at(f"{paths.monitors('a-quarter')}/chat"))
    world.server.put(paths.pods("a-quarter"), strange)
    world.server.put(paths.pods("b-quarter"), strange)
    await world.passed()
    world.server.put(paths.pods("prod"), _blocked_pod("new"))
    for namespace, name in (("prod", "new"), ("a-quarter", "strange"), ("b-quarter", "strange")):
        await _sees(world, namespace, name)

    await world.namespace_pass.look()

    assert world.parts.keeper.of("prod", time.time()).suspended == "SidecarBlocksPod"


async def test_a_blocked_pod_goes_only_when_the_webhook_can_know_why(world: World) -> None:
    now = time.time()
    look = NamespacePass(world.parts, lambda: now).look
    pod = _blocked_pod("new")
    pod["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "r", "uid": "r", "controller": True}]
    await world.passed()
    world.server.put(paths.pods("prod"), pod)
    await _sees(world, "prod", "new")
    asked: list[str] = []
    writable = False

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.path.endswith("/eviction"):
            asked.append(request.path)
            return web.json_response({}, status=201)
        forbidden = "/configmaps" in request.path and request.method == "PATCH" and not writable
        return refused(Refusal(403, "not for you", "Forbidden")) if forbidden else None

    world.server.fault = fault
    for _ in range(3):
        await look()
        now += 5
    assert asked == []

    writable = True
    await look()
    assert asked == ["/api/v1/namespaces/prod/pods/new/eviction"]
