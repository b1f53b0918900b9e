"""A release with another sidecar comes while attached ones work: each is succeeded, and no request fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from e2e import breaking, chat, small_models
from e2e.cluster.images import TOOLS_IMAGE
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.model_pods import health
from e2e.waiting import condition, conditions, until

NAME = "long-lived"
NEWER = "localhost/llm-monitor-sidecar:newer"
BROKEN = "localhost/llm-monitor-sidecar:broken"
MINUTES = 60.0


@pytest.fixture
def attached(product: Installed, namespace: Kubectl, sidecar_image: str) -> Iterator[Kubectl]:
    """Two pods with an attached sidecar of this release, which has the release again in the end."""
    breaking.needs_the_nodes()
    namespace.apply(small_models.deployment(NAME, small_models.server(sidecar_image), replicas=2))
    namespace("rollout", "status", f"deployment/{NAME}", "--timeout=120s")
    namespace.apply(small_models.monitor(NAME))
    condition(namespace, NAME, 2 * MINUTES, Injected="True", Reporting="True")
    names = [pod["metadata"]["name"] for pod in _pods(namespace)]
    until(lambda: all(health(namespace, name).get("reading") for name in names), "both to read", 1 * MINUTES)
    yield namespace
    small_models.remove(namespace, NAME)
    product.upgrade()


@pytest.mark.timeout(900)
def test_each_is_succeeded_in_turn_and_no_request_fails(
    product: Installed, attached: Kubectl, sidecar_image: str, figure: Callable[[str], None]
) -> None:
    clients = _clients(attached, sidecar_image, seconds=330.0)
    before = until(lambda: _counted(attached), "requests to be counted", 2 * MINUTES)

    with breaking.also_named(sidecar_image, NEWER):
        repository, _, tag = NEWER.rpartition(":")
        product.upgrade(sidecar={"image": {"repository": repository, "tag": tag}})
        until(lambda: all(_succeeded(pod) for pod in _pods(attached)), "both to be succeeded", 5 * MINUTES)
        found = condition(attached, NAME, 2 * MINUTES, Injected="True", Reporting="True", Intercepting="True")
        after = _counted(attached)
        seen = {name: small_models.seen(attached, name, 6 * MINUTES) for name in clients}
        pods = until(lambda: _with_the_older_ended(attached), "the older ones to end", 1 * MINUTES)

    answered = sum(one["answered"] for one in seen.values())
    figure(f"{answered} requests over two hand-overs, 0 failed; {before} counted before and {after} after")
    assert "2 attached" in found["Injected"]["message"]
    assert [one["failed"] for one in seen.values()] == [0] * len(seen)
    assert [one.get("closed_while_idle", 0) for one in seen.values()] == [0] * len(seen)
    assert before < after <= answered
    for pod in pods:
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
        assert len(pod["spec"]["ephemeralContainers"]) == 2
        assert _state(pod, "llm-monitor-1")["terminated"]["exitCode"] == 0
        assert "running" in _state(pod, "llm-monitor-2")
    one, other = sorted(pods, key=lambda pod: str(_began(pod)))
    assert _began(other) > _began(one)


@pytest.mark.timeout(900)
def test_if_the_newer_one_does_not_live_the_older_ones_go_on(
    product: Installed, attached: Kubectl, sidecar_image: str
) -> None:
    clients = _clients(attached, sidecar_image, seconds=120.0)

    with breaking.also_named(TOOLS_IMAGE, BROKEN):
        repository, _, tag = BROKEN.rpartition(":")
        product.upgrade(sidecar={"image": {"repository": repository, "tag": tag}})
        message = until(
            lambda: _says(attached, "so it goes on itself"), "the failure to be said", 4 * MINUTES
        )
        seen = [small_models.seen(attached, name, 4 * MINUTES) for name in clients]

        assert "stopped: a sidecar of the new image ended by itself in pod" in message
        assert conditions(attached, NAME)["Injected"]["reason"] == "Outdated"
        assert attached.get(f"llmmonitor/{NAME}")["status"]["pods"]["outdated"] == 2
        assert sorted(len(pod["spec"]["ephemeralContainers"]) for pod in _pods(attached)) == [1, 2]
        condition(attached, NAME, 1 * MINUTES, Reporting="True", Intercepting="True")
        assert all(health(attached, pod["metadata"]["name"])["reading"] for pod in _pods(attached))
    assert [one["failed"] for one in seen] == [0] * len(seen)


def _clients(namespace: Kubectl, image: str, *, seconds: float) -> list[str]:
    """For each pod one that connects anew each time, and one that keeps its connection."""
    names = []
    for number, pod in enumerate(_pods(namespace)):
        address = pod["status"]["podIP"]
        for keeping in (False, True):
            name = f"client-{number}-{'keeping' if keeping else 'new'}"
            namespace.apply(
                small_models.client(name, image, address, seconds=seconds, pause=0.2, keeping=keeping)
            )
            names.append(name)
    return names


def _pods(namespace: Kubectl) -> list[dict[str, Any]]:
    return chat.pods(namespace, NAME)


def _counted(namespace: Kubectl) -> int:
    window = namespace.get(f"llmmonitor/{NAME}")["status"].get("window") or {}
    return int(window.get("requests", 0))


def _succeeded(pod: dict[str, Any]) -> bool:
    return any(one["image"] == NEWER for one in pod["spec"].get("ephemeralContainers") or ())


def _with_the_older_ended(namespace: Kubectl) -> list[dict[str, Any]]:
    """They end with the last connection that they carry."""
    pods = _pods(namespace)
    return pods if all("terminated" in _state(pod, "llm-monitor-1") for pod in pods) else []


def _state(pod: dict[str, Any], container: str) -> dict[str, Any]:
    statuses = pod["status"].get("ephemeralContainerStatuses") or ()
    found: dict[str, Any] = next((one["state"] for one in statuses if one["name"] == container), {})
    return found


def _began(pod: dict[str, Any]) -> str:
    return str(_state(pod, "llm-monitor-2")["running"]["startedAt"])


def _says(namespace: Kubectl, words: str) -> str:
    message = str(conditions(namespace, NAME)["Injected"].get("message", ""))
    return message if words in message else ""
