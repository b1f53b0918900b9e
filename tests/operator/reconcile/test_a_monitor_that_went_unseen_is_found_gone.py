from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer, Refusal, refused

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.monitors import Key, Monitors
from llmmonitor_operator.reconcile.unwatched_monitors import UnwatchedMonitors

PROD = paths.monitors("prod")
MONITOR: dict[str, Any] = {
    "apiVersion": "llmmonitor.io/v1alpha1",
    "kind": "LLMMonitor",
    "spec": {"selector": {"matchLabels": {"app": "chat"}}},
}


@pytest.fixture
def changed() -> list[Key]:
    return []


@pytest.fixture
def monitors(server: KubeServer, changed: list[Key]) -> Monitors:
    """Two that the operator has seen."""
    found = Monitors(changed.append)
    for name in ("stays", "went"):
        found.take(server.put(PROD, {**MONITOR, "metadata": {"name": name}}))
    changed.clear()
    return found


async def test_it_is_dropped_and_the_others_stay(
    server: KubeServer, kube: Kube, monitors: Monitors, changed: list[Key]
) -> None:
    server.remove(f"{PROD}/went")

    await UnwatchedMonitors(kube, monitors, (), lambda: None).look()

    assert changed == [("prod", "went")]
    assert monitors.get(("prod", "stays"))


async def test_one_made_anew_under_its_name_is_another(
    server: KubeServer, kube: Kube, monitors: Monitors
) -> None:
    server.remove(f"{PROD}/went")
    anew = server.put(PROD, {**MONITOR, "metadata": {"name": "went"}})

    async def seen_meanwhile(_request: web.Request) -> None:
        monitors.take(anew)

    server.fault = seen_meanwhile
    await UnwatchedMonitors(kube, monitors, (), lambda: None).look()

    known = monitors.get(("prod", "went"))
    assert known
    assert known.uid == anew["metadata"]["uid"]


async def test_what_a_watch_tells_while_the_list_is_read_is_the_newer(
    server: KubeServer, kube: Kube, monitors: Monitors
) -> None:
    unseen = server.at(f"{PROD}/stays")
    unseen["metadata"]["generation"] += 1
    server.put(PROD, unseen)

    async def changes(request: web.Request) -> None:
        if "PartialObjectMetadata" not in request.headers.get("Accept", ""):
            newer = {**unseen["metadata"], "generation": unseen["metadata"]["generation"] + 1}
            monitors.take({**unseen, "metadata": newer})

    server.fault = changes
    await UnwatchedMonitors(kube, monitors, (), lambda: None).look()

    known = monitors.get(("prod", "stays"))
    assert known
    assert known.raw["metadata"]["generation"] == unseen["metadata"]["generation"] + 1


async def test_one_that_comes_while_the_list_is_read_is_not_missed(
    server: KubeServer, kube: Kube, monitors: Monitors
) -> None:
    async def comes(_request: web.Request) -> None:
        monitors.take(
            {**MONITOR, "metadata": server.at(f"{PROD}/stays")["metadata"] | {"name": "n", "uid": "n"}}
        )

    server.fault = comes

    await UnwatchedMonitors(kube, monitors, (), lambda: None).look()

    assert monitors.get(("prod", "n"))


async def test_a_list_that_cannot_be_read_drops_nothing(
    server: KubeServer, kube: Kube, monitors: Monitors, changed: list[Key]
) -> None:
    async def away(_request: web.Request) -> web.Response:
        return refused(Refusal(503, "etcd is away"))

    server.fault = away

    with pytest.raises(ApiError):
        await UnwatchedMonitors(kube, monitors, ("prod", "test"), lambda: None).look()

    assert not changed


async def test_one_that_came_is_taken_though_no_watch_told_of_it(
    server: KubeServer, kube: Kube, monitors: Monitors, changed: list[Key]
) -> None:
    server.put(PROD, {**MONITOR, "metadata": {"name": "came"}})

    await UnwatchedMonitors(kube, monitors, (), lambda: None).look()

    assert changed == [("prod", "came")]


async def test_one_that_changed_is_taken_as_it_is(
    server: KubeServer, kube: Kube, monitors: Monitors, changed: list[Key]
) -> None:
    before = server.at(f"{PROD}/stays")
    server.put(PROD, {**before, "spec": {"selector": {"matchLabels": {"app": "other"}}}})

    await UnwatchedMonitors(kube, monitors, (), lambda: None).look()

    known = monitors.get(("prod", "stays"))
    assert changed == [("prod", "stays")]
    assert known
    assert known.monitor
    assert known.monitor.spec.selector.match_labels == {"app": "other"}


async def test_what_the_watches_told_of_costs_no_more_than_a_look_at_the_names(
    server: KubeServer, kube: Kube, monitors: Monitors, changed: list[Key]
) -> None:
    await UnwatchedMonitors(kube, monitors, (), lambda: None).look()

    assert len(server.asked) == 1
    assert not changed


async def test_a_namespace_that_may_not_be_read_is_passed_over_and_keeps_its_monitors(
    server: KubeServer, kube: Kube, monitors: Monitors, changed: list[Key]
) -> None:
    failures: list[int] = []
    server.put(paths.monitors("test"), {**MONITOR, "metadata": {"name": "came"}})

    async def no_role(request: web.Request) -> web.Response | None:
        forbidden = "/namespaces/prod/" in request.path
        return refused(Refusal(403, "no role", "Forbidden")) if forbidden else None

    server.fault = no_role
    await UnwatchedMonitors(kube, monitors, ("prod", "test"), lambda: failures.append(1)).look()

    assert changed == [("test", "came")]
    assert failures == [1]
