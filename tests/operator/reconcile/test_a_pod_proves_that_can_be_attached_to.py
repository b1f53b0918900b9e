"""Under `Ignore` one pod is attached to all the same, to prove the image: one that can be."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from aiohttp import web
from tests.operator.kube_server import Refusal, refused
from tests.operator.reconcile.operator_world import IMAGE, MONITORS, PODS, World

OLDER, YOUNGER = "2026-01-05T11:00:00Z", "2026-01-05T13:00:00Z"
"""Than the pod `chat-a`."""


def static(pod: dict[str, Any]) -> None:
    pod["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "abc"}


def worker(pod: dict[str, Any]) -> None:
    pod["spec"]["containers"][0]["command"] = ["ray", "start", "--address=head:6379", "--block"]
    pod["metadata"]["labels"]["leaderworkerset.sigs.k8s.io/worker-index"] = "1"


def exhausted(pod: dict[str, Any]) -> None:
    ended = {"terminated": {"startedAt": OLDER, "finishedAt": OLDER, "exitCode": 1}}
    names = [f"llm-monitor-{number}" for number in range(1, 11)]
    pod["spec"]["ephemeralContainers"] = [{"name": name, "image": "older"} for name in names]
    pod["status"]["ephemeralContainerStatuses"] = [{"name": name, "state": ended} for name in names]


def full(pod: dict[str, Any]) -> None:
    limits = {"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}}
    pod["spec"]["containers"][0]["resources"] = limits


def crashing(pod: dict[str, Any]) -> None:
    waits = {"waiting": {"reason": "CrashLoopBackOff"}}
    pod["status"]["containerStatuses"][0] |= {"restartCount": 9, "state": waits}


def as_of(world: World, path: str, created: str) -> None:
    """The fake server gives all objects one age; `created` in its place."""
    [key] = [key for key in world.server.objects if f"{key[2]}/{key[3]}" == path]
    thing = world.server.objects[key]
    world.server.objects[key] = {**thing, "metadata": thing["metadata"] | {"creationTimestamp": created}}


def ignores(world: World) -> None:
    """The monitor came after its pods."""
    monitor = world.server.at(f"{MONITORS}/chat")
    world.server.put(MONITORS, {**monitor, "spec": {**monitor["spec"], "existingPods": "Ignore"}})
    as_of(world, "llmmonitors/chat", YOUNGER)


def with_older(world: World, change: Any) -> None:
    older = copy.deepcopy(world.server.at(f"{PODS}/chat-a"))
    older["metadata"] |= {"name": "older", "uid": "older"}
    change(older)
    world.server.put(PODS, older)
    as_of(world, "pods/older", OLDER)


def attached(world: World) -> list[str]:
    pods = [world.server.at(f"{PODS}/{name}") for name in ("chat-a", "older")]
    found = [(pod["metadata"]["name"], pod["spec"].get("ephemeralContainers", [])) for pod in pods]
    return [name for name, containers in found if any(one["image"] == IMAGE for one in containers)]


@pytest.mark.parametrize("change", [static, worker, exhausted, full, crashing], ids=lambda one: one.__name__)
async def test_the_oldest_pod_that_cannot_be_attached_to_is_passed_over(world: World, change: Any) -> None:
    ignores(world)
    with_older(world, change)

    await world.passed()

    assert attached(world) == ["chat-a"]


async def test_the_oldest_is_the_one_where_it_can_be(world: World) -> None:
    ignores(world)
    with_older(world, lambda _pod: None)

    await world.passed()

    assert attached(world) == ["older"]


async def test_after_a_refusal_another_one_is_tried(world: World) -> None:
    ignores(world)
    with_older(world, lambda _pod: None)

    async def of_the_oldest(request: web.Request) -> web.StreamResponse | None:
        attaches = request.path == f"{PODS}/older/ephemeralcontainers" and "dryRun" not in request.query
        return refused(Refusal(500, 'failed calling webhook "x"')) if attaches else None

    world.server.fault = of_the_oldest
    await world.passed()
    await world.passed()

    assert attached(world) == ["chat-a"]


async def test_where_none_can_be_it_is_said_what_speaks_against_it(world: World) -> None:
    ignores(world)
    pod = world.server.at(f"{PODS}/chat-a")
    full(pod)
    world.server.put(PODS, pod)

    found = await world.passed()

    assert found["Injected"]["reason"] == "NoMemoryHeadroom"
