"""Two models on the node's network may want one port for their sidecars: the second one's owner is told."""

from __future__ import annotations

import pytest
from tests.operator.model_pods import NOW, running, running_pod, with_attached
from tests.operator.reconcile import sidecar_double
from tests.operator.reconcile.operator_world import SIGNING, World

from llmmonitor_api.signing import generate_private_key
from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.reconcile.sidecars.pods_memory import PodMemory, PodsMemory
from llmmonitor_operator.reconcile.sidecars.pulling import Puller
from llmmonitor_operator.reconcile.sidecars.standing import address_of


async def said_of(world: World, address: Address) -> PodMemory:
    """What is remembered of it after a pull that brings nothing."""
    memory = PodsMemory(pods={address.uid: PodMemory(push_at=0.0)})
    puller = Puller(world.parts.sidecars, world.parts.metrics, world.parts.settings.namespace)
    assert await puller.pull([address], memory) == {}
    return memory.of(address.uid)


async def test_it_names_the_port_and_the_way_out_in_words(world: World) -> None:
    async with sidecar_double.running("uid-first", SIGNING.public_key()) as first:
        address = Address("uid-second", "127.0.0.1", first.port, on_the_node=True)
        known = await said_of(world, address)

    assert f"another pod's sidecar answers at http://127.0.0.1:{first.port}" in known.unreachable
    assert "signed for 'uid-second'; this is 'uid-first'" in known.unreachable
    assert f"port {first.port} is taken" in known.unreachable
    assert "spec.interception.apiPort" in known.unreachable
    assert "{" not in known.unreachable
    assert not known.unknown_key


async def test_at_an_address_that_has_passed_to_another_pod_no_port_is_to_be_changed(world: World) -> None:
    async with sidecar_double.running("uid-first", SIGNING.public_key()) as first:
        known = await said_of(world, Address("uid-second", "127.0.0.1", first.port))

    assert "another pod's sidecar answers" in known.unreachable
    assert "apiPort" not in known.unreachable


async def test_a_strangers_report_is_not_taken_from_one_that_does_not_refuse_either(world: World) -> None:
    async with sidecar_double.running("uid-a", SIGNING.public_key()) as stranger:
        stranger.pod_uid = "uid-b"  # of its reports; it answers requests for the other
        known = await said_of(world, Address("uid-a", "127.0.0.1", stranger.port))

    assert "is of pod UID uid-b, this pod's is uid-a" in known.unreachable
    assert world.parts.sidecars.trust.of("uid-a") == ()


async def test_another_key_is_said_in_words_too(world: World) -> None:
    async with sidecar_double.running("uid-a", generate_private_key().public_key()) as stranger:
        known = await said_of(world, Address("uid-a", "127.0.0.1", stranger.port))

    assert known.unreachable.startswith("it refuses to report: ")
    assert "{" not in known.unreachable
    assert known.unknown_key


@pytest.mark.parametrize("on_the_node", [True, False])
def test_whether_a_port_is_one_of_the_node_is_read_from_the_pod(*, on_the_node: bool) -> None:
    pod = with_attached(running_pod(), running(NOW - 100))
    pod["spec"]["hostNetwork"] = on_the_node
    pod["spec"]["ephemeralContainers"][0]["env"] = [{"name": "LLM_MONITOR_API_PORT", "value": "14002"}]
    pod["status"]["podIP"] = "10.0.0.7"

    address = address_of(pod)

    assert address is not None
    assert address.on_the_node is on_the_node
