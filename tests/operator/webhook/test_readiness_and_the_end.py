"""When pods are sent to a replica, when it is restarted, and how it ends without losing a request."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer, Refusal, refused
from tests.operator.webhook.conftest import HOST, OWN, Client, Cluster, Mount, review

from llmmonitor_operator.admit.decide import Surroundings
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.process_settings import WebhookSettings
from llmmonitor_operator.webhook.outcome import Outcome, Result
from llmmonitor_operator.webhook.run import serving


async def test_it_is_not_ready_before_everything_was_read(
    kube: Kube, server: KubeServer, mount: Mount
) -> None:
    async def no_quotas(request: web.Request) -> web.StreamResponse | None:
        forbidden = "resourcequotas" in request.path
        return refused(Refusal(403, "resourcequotas is forbidden", "Forbidden")) if forbidden else None

    server.fault = no_quotas
    settings = WebhookSettings(namespace=OWN, port=0, tls_port=0, tls_dir=mount.folder)
    async with serving(kube, settings, "127.0.0.1") as webhook, aiohttp.ClientSession() as session:
        client = Client(webhook, mount, session)

        said = await client.until(
            lambda status, text: status == 503 and text.startswith("not read yet: resourcequotas;")
        )
        alive, _ = await client.get("/healthz")

    assert "resourcequotas is forbidden" in said
    assert alive == 200


async def test_it_is_not_ready_without_a_certificate_and_is_with_one(kube: Kube, tmp_path: Path) -> None:
    mount = Mount(tmp_path / "tls")
    settings = WebhookSettings(namespace=OWN, port=0, tls_port=0, tls_dir=mount.folder)

    async with serving(kube, settings, "127.0.0.1") as webhook, aiohttp.ClientSession() as session:
        client = Client(webhook, mount, session)
        said = await client.until(lambda status, text: status == 503 and "tls.crt" in text)
        with pytest.raises(aiohttp.ClientError):
            await client.post(b"")
        mount.serve()
        await client.until_ready()

        assert "the operator makes it" in said
        assert (await client.ask(review()))["allowed"] is True


async def test_namespaces_to_watch_are_watched_one_by_one(
    kube: Kube, server: KubeServer, cluster: Cluster, mount: Mount
) -> None:
    cluster.complete()
    settings = WebhookSettings(
        namespace=OWN, port=0, tls_port=0, tls_dir=mount.folder, watch_namespaces=("prod", "test")
    )

    async with serving(kube, settings, "127.0.0.1") as webhook, aiohttp.ClientSession() as session:
        client = Client(webhook, mount, session)
        await client.until_ready()
        answered = await client.ask(review())

    assert "patch" in answered
    assert "GET /api/v1/namespaces/prod" in server.asked  # a Role grants this, and no list of namespaces
    assert not [line for line in server.asked if "/namespaces/" not in line]


@pytest.mark.parametrize("place", ["test", "prod"])
async def test_a_namespace_that_may_not_be_read_is_injected_nothing_and_holds_up_no_other(
    kube: Kube, server: KubeServer, cluster: Cluster, mount: Mount, place: str
) -> None:
    cluster.complete()

    async def no_role(request: web.Request) -> web.StreamResponse | None:
        forbidden = request.path.startswith(f"/api/v1/namespaces/{place}/resourcequotas")
        return refused(Refusal(403, "no role", "Forbidden")) if forbidden else None

    server.fault = no_role
    settings = WebhookSettings(
        namespace=OWN, port=0, tls_port=0, tls_dir=mount.folder, watch_namespaces=("prod", "test")
    )
    async with serving(kube, settings, "127.0.0.1") as webhook, aiohttp.ClientSession() as session:
        client = Client(webhook, mount, session)
        await client.until_ready()
        answered = await client.ask(review())

    assert ("patch" in answered) is (place != "prod")


async def test_at_the_end_it_is_unready_first_and_closes_each_connection_with_its_answer(
    client: Client, cluster: Cluster
) -> None:
    cluster.complete()
    await client.until_ready()
    ending = asyncio.create_task(client.webhook.drain(5.0))
    await client.until(lambda status, text: status == 503 and text == "ending\n")

    url = f"https://127.0.0.1:{client.webhook.tls_port}/mutate"
    async with client.session.post(
        url, data=json.dumps(review()), ssl=client.mount.trust, server_hostname=HOST
    ) as response:
        answered = json.loads(await response.read())

    assert "patch" in answered["response"]
    assert response.headers["Connection"] == "close"
    ending.cancel()


async def test_what_is_being_answered_at_the_end_is_finished(
    kube: Kube, cluster: Cluster, mount: Mount
) -> None:
    cluster.complete()
    settings = WebhookSettings(namespace=OWN, port=0, tls_port=0, tls_dir=mount.folder)
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slowly(_pod: Raw, _around: Surroundings) -> Outcome:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(10)
        return Outcome(Result.INJECTED, patch=({"op": "test", "path": "/spec"},))

    async with aiohttp.ClientSession() as session:
        async with serving(kube, settings, "127.0.0.1", slowly) as webhook:
            client = Client(webhook, mount, session)
            await client.until_ready()
            asked = asyncio.create_task(client.ask(review()))
            await begun.wait()
            loop.call_later(0.1, go_on.set)  # while the ports are closed already
        answered = await asked

    assert answered["patchType"] == "JSONPatch"
