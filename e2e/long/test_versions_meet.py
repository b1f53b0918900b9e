"""An upgrade and its way back, under load: each version understands what the other has left running."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e import breaking, chat, small_models
from e2e.cluster.layout import Layout
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.previous import Previous, fields, previous
from e2e.waiting import condition, requests, until

NAME = "spanning"
MINUTES = 60.0
LOAD_SECONDS = 420.0
DEFINITION = "customresourcedefinition/llmmonitors.llmmonitor.io"


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Previous:
    """The version before this one, on the nodes."""
    breaking.needs_the_nodes()
    folder: Path = tmp_path_factory.mktemp("previous")
    return previous(Layout.from_environment(), folder)


@pytest.fixture
def old_release(product: Installed, before: Previous, namespace: Kubectl) -> Iterator[Kubectl]:
    """A namespace of which the previous version takes care; in the end this version has the release again."""
    product.become(before.chart, before.images, crds={"install": True})
    try:
        yield namespace
    finally:
        small_models.remove(namespace, NAME)
        product.upgrade(crds={"install": True})  # this version's definition
        product.upgrade()


@pytest.mark.timeout(1800)
def test_an_upgrade_and_a_rollback_under_load_fail_no_request(
    product: Installed, old_release: Kubectl, sidecar_image: str, figure: Callable[[str], None]
) -> None:
    small_models.monitored(old_release, NAME, small_models.server(sidecar_image))
    condition(old_release, NAME, 3 * MINUTES, Ready="True", Injected="True", Reporting="True")
    until(lambda: "proved_image" in product.verdict(old_release.namespace), "the proof", 3 * MINUTES)
    old_release("scale", f"deployment/{NAME}", "--replicas=2")
    old_release("rollout", "status", f"deployment/{NAME}", "--timeout=180s")
    attached, injected = chat.pods(old_release, NAME)
    assert small_models.attached(attached)
    assert small_models.injected(injected)
    clients = _ask(old_release, sidecar_image, attached, injected)
    condition(old_release, NAME, 3 * MINUTES, Ready="True", Reporting="True", Intercepting="True")
    without = fields(old_release.get(DEFINITION))

    product.upgrade(crds={"install": True})
    outdated = until(lambda: _pods(old_release, "outdated"), "old sidecars to be counted", 3 * MINUTES)
    _goes_on_counting(old_release)
    added = fields(old_release.get(DEFINITION)) - without
    figure(f"after the upgrade {outdated} of 2 sidecars were outdated, and {len(added)} fields defined anew")
    assert added, "the definition of the new version did not reach the cluster"
    condition(old_release, NAME, 1 * MINUTES, Reporting="True")

    product.roll_back()
    _goes_on_counting(old_release)
    condition(old_release, NAME, 3 * MINUTES, Reporting="True")

    seen = [small_models.seen(old_release, client, 8 * MINUTES) for client in clients]
    figure(f"{sum(one['answered'] for one in seen)} requests were answered")
    assert sum(one["failed"] for one in seen) == 0
    here = chat.pods(old_release, NAME)
    assert {one["metadata"]["uid"] for one in here} == {
        one["metadata"]["uid"] for one in (attached, injected)
    }
    assert [_restarts(pod) for pod in here] == [0, 0]


def _ask(namespace: Kubectl, image: str, *pods: dict[str, Any]) -> list[str]:
    clients = [f"asking-{number}" for number, _ in enumerate(pods)]
    for client, pod in zip(clients, pods, strict=True):
        host = str(pod["status"]["podIP"])
        namespace.apply(small_models.client(client, image, host, seconds=LOAD_SECONDS))
    return clients


def _pods(namespace: Kubectl, what: str) -> int:
    status = namespace.get(f"llmmonitor/{NAME}").get("status") or {}
    return int((status.get("pods") or {}).get(what) or 0)


def _goes_on_counting(namespace: Kubectl) -> None:
    before = requests(namespace, NAME)
    until(lambda: requests(namespace, NAME) > before, "requests to be counted", 3 * MINUTES)


def _uid(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["uid"])


def _restarts(pod: dict[str, Any]) -> int:
    [model] = pod["status"]["containerStatuses"]
    return int(model["restartCount"])
