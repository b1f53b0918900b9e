from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.operator.kube_server import KubeServer
from tests.operator.reconcile.operator_world import World
from tests.operator.reconcile.people_world import People, meeting

from llmmonitor_api.report.clients import Clients
from llmmonitor_cli.asking import erased
from llmmonitor_cli.people import NotDone
from llmmonitor_operator.audit.record import read
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.keep.audits import LABEL, volumes

CLIENT = "carol-of-the-canaries"


@pytest.fixture
async def people(world: World, server: KubeServer, kube: Kube) -> AsyncIterator[People]:
    async with meeting(world, server, kube) as met:
        met.allowed.add(("ada", "delete", "clients"))
        met.sidecar.clients = Clients(met.sidecar.sealing_key.public_key().public_bytes_raw())
        yield met


async def records(people: People) -> list[tuple[str, str, str, int]]:
    kept = (await people.kube.list("/api/v1/namespaces/llm-monitor/configmaps", label_selector=LABEL)).items
    found = [read(line) for one in volumes(kept) for line in one.values()]
    return [(one.who, one.about, one.why, one.count) for one in found if one.what == "Erased"]


async def test_every_sidecar_is_told_and_both_ends_are_recorded_without_the_client(people: People) -> None:
    words = await erased(people.operator(), CLIENT, "request 4711")

    assert people.sidecar.erased == [CLIENT]
    assert words.startswith("erased: 0 cases and 1 figures, recorded as asked for by ada")
    assert await records(people) == [
        ("ada", "one client: asked for", "request 4711", 1),
        ("ada", "one client: 0 cases, 1 figures; 0 of 1 pods did not answer", "request 4711", 1),
    ]
    assert CLIENT not in f"{people.server.objects} {people.server.asked}"


async def test_a_sidecar_that_cannot_be_told_is_named(people: People) -> None:
    people.sidecar.clients = None

    with pytest.raises(NotDone, match=r"NOT at pod chat-a: .* erases nothing"):
        await erased(people.operator(), CLIENT, "")


async def test_who_may_only_review_erases_nothing(people: People) -> None:
    with pytest.raises(NotDone, match="bob may not delete"):
        await erased(people.operator("bob"), CLIENT, "")

    assert people.sidecar.erased == []
    assert await records(people) == []
