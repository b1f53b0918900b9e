from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from tests.operator.kube_server import Refusal, refused
from tests.operator.model_pods import COMMON, NOW, monitor, running, running_pod, with_attached
from tests.operator.reconcile.operator_world import PODS, World

from llmmonitor_operator.pods.pod import holds_rights
from llmmonitor_operator.reconcile.keep.trial import trial_on

NET_ADMIN = {"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}
NOTHING = {"capabilities": {"drop": ["ALL"]}}


def attached(context: dict[str, Any]) -> dict[str, Any]:
    pod = with_attached(running_pod(), running(NOW - 100))
    pod["spec"]["ephemeralContainers"][0]["securityContext"] = context
    return pod


def injected(context: dict[str, Any]) -> dict[str, Any]:
    pod = running_pod()
    pod["spec"]["initContainers"] = [
        {
            "name": "llm-monitor-sidecar",
            "restartPolicy": "Always",
            "env": [{"name": "LLM_MONITOR_MODE", "value": "transparent"}],
            "securityContext": context,
        }
    ]
    return pod


def test_a_sidecar_with_capabilities_is_seen_in_the_pod() -> None:
    assert holds_rights(attached(NET_ADMIN))
    assert holds_rights(injected(NET_ADMIN))
    assert not holds_rights(attached(NOTHING))
    assert not holds_rights(injected(NOTHING))
    assert not holds_rights(running_pod())


def test_a_pod_without_them_is_asked_on_first() -> None:
    newer = running_pod()

    found = trial_on([attached(NET_ADMIN), newer], monitor(), COMMON)
    only = trial_on([attached(NET_ADMIN)], monitor(), COMMON)

    assert found is not None
    assert found.pod is newer
    assert only is not None


def on_the_node(**shared: bool) -> dict[str, Any]:
    pod = running_pod("of-the-node", created=NOW - 9000)
    pod["spec"] |= shared
    return pod


@pytest.mark.parametrize("shared", ["hostNetwork", "hostPID", "hostIPC"])
def test_a_pod_that_shares_its_nodes_is_asked_on_last_and_for_no_capabilities(shared: str) -> None:
    of_the_node = on_the_node(**{shared: True})

    found = trial_on([of_the_node, attached(NET_ADMIN)], monitor(), COMMON)
    only = trial_on([of_the_node], monitor(), COMMON)

    assert found is not None
    assert not found.plain_only
    assert found.pod is not of_the_node
    assert only is not None
    assert only.plain_only


def test_a_static_pod_is_not_asked_on() -> None:
    static = running_pod()
    static["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "abc"}

    assert trial_on([static], monitor(), COMMON) is None


async def refuses_capabilities_on_the_node(request: web.Request) -> web.StreamResponse | None:
    """As the chart's policy does."""
    if "dryRun" in request.query and "NET_ADMIN" in await request.text():
        return refused(Refusal(403, "policy denied request: unprivileged in a hostNetwork pod", "Forbidden"))
    return None


async def test_what_a_pod_of_the_node_may_not_have_is_not_held_against_the_others(world: World) -> None:
    keeper = world.parts.keeper
    world.server.put(PODS, on_the_node(hostNetwork=True))
    world.server.fault = refuses_capabilities_on_the_node

    first = await keeper.ask("prod", trial_on([on_the_node(hostNetwork=True)], monitor(), COMMON), NOW)
    asked = len(world.server.writes())
    again = await keeper.ask("prod", trial_on([on_the_node(hostNetwork=True)], monitor(), COMMON), NOW + 5)

    assert (first.transparent, first.plain) == (None, True)
    assert again == first
    assert len(world.server.writes()) == asked, "the same pod is not asked on again at once"
    assert keeper.due("prod", NOW + 5), "but another one is, as soon as there is one"
