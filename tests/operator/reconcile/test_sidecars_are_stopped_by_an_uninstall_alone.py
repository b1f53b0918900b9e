"""The end of the operator's process may be a restart, an uninstall, or an API server in trouble."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer, Refusal, refused
from tests.operator.reconcile.operator_world import World, until
from tests.operator.reconcile.sidecar_double import SidecarDouble

from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.farewell import say_farewell
from llmmonitor_operator.reconcile.watch.own_deployment import OwnDeployment

DEPLOYMENTS = "/apis/apps/v1/namespaces/llm-monitor/deployments"
OWN = f"{DEPLOYMENTS}/llm-monitor-operator"
UNINSTALLED = [Refusal(404, "no such Deployment"), Refusal(403, "the roles are gone", "Forbidden")]
IN_TROUBLE = [
    Refusal(401, "Unauthorized", "Unauthorized"),
    Refusal(429, "slowly"),
    Refusal(500, "etcd"),
    Refusal(400, "a proxy's"),
]


@pytest.fixture
async def sidecar(world: World) -> AsyncIterator[SidecarDouble]:
    """One that reads, in a pod of the release whose Deployment is there."""
    world.server.put(DEPLOYMENTS, {"metadata": {"name": "llm-monitor-operator"}})
    async with world.attached() as double:
        await world.passed()
        yield double


def own(kube: Kube) -> OwnDeployment:
    return OwnDeployment(kube, "llm-monitor", "llm-monitor-operator")


async def after(world: World, refusal: Refusal, deployment: OwnDeployment) -> None:
    """The end of a process that is answered by a refusal."""

    async def refuses(request: web.Request) -> web.StreamResponse | None:
        return refused(refusal) if request.path == OWN else None

    world.server.fault = refuses
    await say_farewell(world.parts, deployment)


async def test_a_restart_stops_none(world: World, sidecar: SidecarDouble, kube: Kube) -> None:
    await say_farewell(world.parts, own(kube))

    assert not sidecar.configuration.stop


async def test_a_deployment_on_its_way_out_stops_all(
    world: World, sidecar: SidecarDouble, kube: Kube
) -> None:
    leaving = {"name": "llm-monitor-operator", "deletionTimestamp": "2026-01-05T12:00:00Z"}
    world.server.put(DEPLOYMENTS, {"metadata": leaving})

    await say_farewell(world.parts, own(kube))

    assert sidecar.configuration.stop


@pytest.mark.parametrize("refusal", UNINSTALLED, ids=lambda one: str(one.code))
async def test_what_only_an_uninstall_leads_to_stops_all(
    world: World, sidecar: SidecarDouble, kube: Kube, refusal: Refusal
) -> None:
    await after(world, refusal, own(kube))

    assert sidecar.configuration.stop


@pytest.mark.parametrize("refusal", IN_TROUBLE, ids=lambda one: str(one.code))
async def test_an_api_server_in_trouble_stops_none(
    world: World, sidecar: SidecarDouble, kube: Kube, refusal: Refusal
) -> None:
    await after(world, refusal, own(kube))

    assert not sidecar.configuration.stop


async def test_a_deletion_that_was_watched_counts_though_the_account_is_gone_by_now(
    world: World, sidecar: SidecarDouble, kube: Kube, server: KubeServer
) -> None:
    deployment = own(kube)
    watching = asyncio.create_task(deployment.run())
    await until(lambda: any("deployments" in line for line in server.watches()))
    server.remove(OWN)
    server.put(DEPLOYMENTS, {"metadata": {"name": "somebody-elses"}})
    await until(deployment.was_deleted)

    await after(world, Refusal(401, "Unauthorized", "Unauthorized"), deployment)

    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert sidecar.configuration.stop
