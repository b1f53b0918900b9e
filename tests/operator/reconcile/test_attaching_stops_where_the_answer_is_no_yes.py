from __future__ import annotations

import pytest
from aiohttp import web
from tests.operator.kube_server import Refusal, refused
from tests.operator.reconcile.operator_world import PODS, World

ANSWERS = [
    Refusal(500, "etcd"),
    Refusal(429, "slowly"),
    Refusal(500, 'failed calling webhook "p": timeout'),
    Refusal(403, 'violates PodSecurity "baseline:latest"', "Forbidden"),
]


@pytest.mark.parametrize("refusal", ANSWERS, ids=lambda one: one.message[:12])
async def test_the_next_pod_is_left_to_the_next_pass(world: World, refusal: Refusal) -> None:
    for number in range(5):
        pod = world.server.at(f"{PODS}/chat-a")
        another = {**pod, "metadata": pod["metadata"] | {"name": f"more-{number}", "uid": f"uid-{number}"}}
        world.server.put(PODS, another)
    await world.parts.view.watch_pods("prod")
    tried: list[str] = []

    async def refuses(request: web.Request) -> web.StreamResponse | None:
        if not request.path.endswith("/ephemeralcontainers") or "dryRun" in request.query:
            return None
        tried.append(request.path)
        return refused(refusal)

    world.server.fault = refuses
    await world.passed()

    assert len(tried) == 1
