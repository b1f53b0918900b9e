"""Passes over a monitor whose API server and sidecar are real sockets, and whose kubelet is the test."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from tests.operator.kube_server import Refusal, refused
from tests.operator.reconcile import sidecar_double
from tests.operator.reconcile.operator_world import IMAGE, KEY, MONITORS, PODS, SIGNING, World, until

from llmmonitor_api.signing import generate_private_key
from llmmonitor_operator.reconcile.monitor_pass import MonitorPass


async def test_a_running_model_is_attached_to_and_its_report_is_judged(world: World) -> None:
    before = await world.passed()

    pod = world.server.at(f"{PODS}/chat-a")
    [ours] = pod["spec"]["ephemeralContainers"]
    assert (ours["name"], ours["image"], ours["targetContainerName"]) == ("llm-monitor-1", IMAGE, "vllm")
    assert before["Injected"]["reason"] == "SidecarStarting"

    async with sidecar_double.running(pod["metadata"]["uid"], SIGNING.public_key()) as double:
        world.kubelet_runs(double)
        await world.settled()
        after = await world.passed()

    assert {kind: after[kind]["status"] for kind in ("Ready", "Injected", "Reporting")} == {
        "Ready": "True",
        "Injected": "True",
        "Reporting": "True",
    }
    assert double.configuration.generation > 2**40, "the settings of the monitor were pushed"


async def test_a_sidecar_is_heard_while_a_mistaken_target_finds_no_model_server(world: World) -> None:
    async with world.attached() as double:
        await world.passed()
        chat = world.server.at(f"{MONITORS}/chat")
        spec = {**chat["spec"], "target": {"container": "vlm"}}
        changed = {**chat, "metadata": {**chat["metadata"], "generation": 2}, "spec": spec}
        world.server.put(MONITORS, changed)
        asked = double.sequence

        found = await world.passed()

    assert double.sequence > asked
    assert found["Injected"]["reason"] == "ModelServerNotFound"
    assert found["Reporting"]["reason"] == "AllReporting", "its sidecar runs and reports"
    assert found["Ready"]["status"] == "False"


async def test_one_pass_more_changes_nothing(world: World) -> None:
    async with world.attached():
        await world.passed()
        written = [line for line in world.server.writes() if "dryRun" not in line]

        await world.passed()

    assert [line for line in world.server.writes() if "dryRun" not in line] == written


async def test_a_stranger_on_the_pods_address_is_not_believed(world: World) -> None:
    await world.passed()
    async with sidecar_double.running("another-uid", SIGNING.public_key()) as double:
        world.kubelet_runs(double)
        await world.settled()
        found = await world.passed()

    assert found["Reporting"]["status"] != "True"
    assert double.sequence == 0


async def test_a_sidecar_made_under_another_key_is_outdated(world: World) -> None:
    await world.passed()
    pod = world.server.at(f"{PODS}/chat-a")
    stranger = generate_private_key().public_key()
    async with sidecar_double.running(pod["metadata"]["uid"], stranger) as double:
        world.kubelet_runs(double)
        await world.settled()
        found = await world.passed()

    assert found["Injected"]["reason"] == "Outdated"


async def test_the_words_of_pod_security_are_said_and_nothing_is_attached(world: World) -> None:
    words = 'pods "chat-a" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot'

    async def forbids(request: web.Request) -> web.StreamResponse | None:
        return refused(Refusal(403, words, "Forbidden")) if "ephemeralcontainers" in request.path else None

    world.server.fault = forbids
    found = await world.passed()

    assert found["Injected"]["status"] == "False"
    assert found["Injected"]["reason"] == "PodSecurityForbids"
    assert "runAsNonRoot" in found["Injected"]["message"]
    assert "ephemeralContainers" not in world.server.at(f"{PODS}/chat-a")["spec"]


async def test_a_service_by_number_is_published_with_the_next_pass(world: World) -> None:
    monitor = world.server.at(f"{MONITORS}/chat")
    monitor["spec"] |= {"interception": {"mode": "Port"}, "existingPods": "Ignore"}
    world.server.put(MONITORS, monitor)
    await world.passed()
    service = {"selector": {"app": "chat"}, "ports": [{"port": 80, "targetPort": 8000}]}

    world.server.put("/api/v1/namespaces/prod/services", {"metadata": {"name": "web"}, "spec": service})
    await until(lambda: bool(world.parts.view.services("prod")))
    await world.passed()

    verdicts = world.server.at("/api/v1/namespaces/llm-monitor/configmaps/llm-monitor-verdicts")["data"]
    assert '"service":"web"' in verdicts["prod"]


async def test_no_matching_pods_is_no_failure(world: World) -> None:
    world.server.remove(f"{PODS}/chat-a")

    found = await world.passed()

    assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("True", "NoMatchingPods")
    assert (found["Injected"]["status"], found["Injected"]["reason"]) == ("Unknown", "NoMatchingPods")


async def test_a_selector_that_can_match_no_pod_is_said_to_be_one(world: World) -> None:
    monitor = world.server.at(f"{MONITORS}/chat")
    monitor["spec"]["selector"]["matchExpressions"] = [
        {"key": "app", "operator": "NotIn", "values": ["chat"]}
    ]
    world.server.put(MONITORS, monitor)

    found = await world.passed()

    assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("True", "NoMatchingPods")
    for kind in ("Ready", "Injected", "Reporting"):
        assert (
            "no pod can match it: app=chat and app NotIn [chat] exclude each other" in found[kind]["message"]
        )


async def test_a_spec_that_was_never_valid_is_not_said_to_match_no_pod(world: World) -> None:
    monitor = world.server.at(f"{MONITORS}/chat")
    monitor["spec"]["holdFor"] = "8d"
    world.server.put(MONITORS, monitor)

    found = await world.passed()

    assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("False", "InvalidSpec")
    assert (found["Injected"]["status"], found["Injected"]["reason"]) == ("Unknown", "NoSpecInForce")


async def test_a_takeover_takes_the_conditions_from_the_object_and_announces_nothing_twice(
    world: World,
) -> None:
    async with world.attached():
        before = await world.passed()
        world.events.clear()

        world.one_pass = MonitorPass(world.parts)  # as another process would begin, with no checkpoint
        after = await world.passed()

    assert {kind: (one["status"], one["lastTransitionTime"]) for kind, one in after.items()} == {
        kind: (one["status"], one["lastTransitionTime"]) for kind, one in before.items()
    }
    assert not world.events


@pytest.mark.parametrize(
    ("selector", "stops"),
    [({"matchLabels": {"app": "chat"}}, False), ({"matchLabels": {"app": "code"}}, True), ({}, False)],
)
async def test_a_mistake_in_a_spec_stops_nothing_after_a_takeover_either(
    world: World,
    selector: dict[str, Any],
    stops: bool,  # noqa: FBT001 - the table's column
) -> None:
    async with world.attached() as double:
        await world.passed()
        mistaken = world.server.at(f"{MONITORS}/chat")
        mistaken["spec"] = {"selector": selector, "holdFor": "for ever"}

        world.parts.monitors.drop(KEY, mistaken["metadata"]["uid"])  # the next leader has not seen it valid
        world.parts.monitors.take(mistaken)
        world.one_pass = MonitorPass(world.parts)  # and its checkpoint does not have it either
        await world.one_pass(KEY)
        await world.namespace_pass.look()

        assert double.configuration.stop is stops


async def test_a_pod_that_no_monitor_selects_any_more_is_told_to_stop(world: World) -> None:
    async with world.attached() as double:
        await world.passed()

        world.parts.monitors.drop(KEY, world.server.at(f"{MONITORS}/chat")["metadata"]["uid"])
        await world.one_pass(KEY)
        await world.namespace_pass.look()

        assert double.configuration.stop

        await world.passed()
        assert not double.configuration.stop, "a monitor that selects it again brings it back"


async def test_probes_are_pushed_when_they_change_and_taken_back_when_they_go(world: World) -> None:
    async with world.attached() as double:
        await world.passed()
        assert double.configuration.probes is None
        await with_quality(world, {"schedule": "1h", "suites": ["facts"]}, generation=2)
        given = double.configuration.probes
        taken = double.configurations
        await world.passed()
        await with_quality(world, {}, generation=3)

        assert given is not None
        assert (given.suites, given.index, given.of) == (("facts",), 0, 1)
        assert double.configurations is taken
        assert double.configuration.probes is None


async def test_a_sidecar_that_knows_no_probes_is_not_pushed_to_for_ever(world: World) -> None:
    async with world.attached() as double:
        double.sends_probes = False
        await with_quality(world, {"schedule": "1h", "suites": ["facts"]}, generation=2)
        applied = double.configuration

        await world.passed()

        assert double.configuration is applied


async def with_quality(world: World, quality: dict[str, Any], generation: int) -> None:
    chat = world.server.at(f"{MONITORS}/chat")
    metadata = {**chat["metadata"], "generation": generation}
    world.server.put(MONITORS, {**chat, "metadata": metadata, "spec": {**chat["spec"], "quality": quality}})
    await world.settled()
    await world.passed()
