from __future__ import annotations

import time

import pytest
from tests.operator.model_pods import moment
from tests.operator.reconcile.operator_world import World, until

EVENTS = "/api/v1/namespaces/prod/events"


async def test_a_pod_that_was_refused_has_its_namespace_asked_again_before_the_minute_is_over(
    world: World,
) -> None:
    await world.passed()
    now = time.time()
    keeper = world.parts.keeper
    assert not keeper.due("prod", now)

    words = 'pods "chat-b" is forbidden: exceeded quota: compute'
    said = {"metadata": {"name": "chat.1"}, "reason": "FailedCreate", "message": words}
    world.server.put(EVENTS, {**said, "lastTimestamp": moment(now + 2)})
    await until(lambda: bool(world.parts.view.failed_creates("prod")))

    assert keeper.due("prod", now)


@pytest.mark.parametrize(("minutes_ago", "suspended"), [(4, "InjectionSuspended"), (6, "")])
async def test_a_new_leader_takes_up_what_was_refused_while_nobody_led(
    world: World, minutes_ago: int, suspended: str
) -> None:
    await world.passed()
    now = time.time()
    keeper = world.parts.keeper
    await keeper.prove("prod", now)
    said = {
        "metadata": {"name": "chat.1"},
        "reason": "FailedCreate",
        "message": "somebody denied the request",
    }
    world.server.put(EVENTS, {**said, "lastTimestamp": moment(now - 60 * minutes_ago)})
    await until(lambda: bool(world.parts.view.failed_creates("prod")))

    await keeper.start(now)
    verdict = await keeper.ask("prod", None, now)

    assert verdict.suspended == suspended


SETS = "/apis/apps/v1/namespaces/prod/replicasets"
DENIED = 'Error creating: admission webhook "x" denied the request'


async def refused_pod(world: World, at: float, words: str = DENIED) -> None:
    """The controller says so in an Event, and that is seen."""
    about = {"kind": "ReplicaSet", "name": "chat-7d4b9c", "namespace": "prod", "uid": "uid-set"}
    said = {"metadata": {"name": "chat-7d4b9c.1"}, "reason": "FailedCreate", "message": words}
    world.server.put(EVENTS, {**said, "involvedObject": about, "lastTimestamp": moment(at)})
    seen = world.parts.view.failed_creates
    await until(lambda: [one["lastTimestamp"] for one in seen("prod")] == [moment(at)])


async def suspended(world: World, now: float) -> str:
    return (await world.parts.keeper.ask("prod", None, now)).suspended


async def proved(world: World) -> float:
    """From now on pods are injected."""
    await world.passed()
    now = time.time()
    await world.parts.keeper.prove("prod", now)
    return now


@pytest.mark.parametrize(
    ("labels", "annotations", "reason"),
    [
        ({"app": "chat"}, {}, "InjectionSuspended"),
        ({"app": "batch"}, {}, ""),
        ({"app": "chat"}, {"llmmonitor.io/inject": "false"}, ""),
    ],
    ids=["a monitor's", "nobody's", "opted out"],
)
async def test_pods_that_no_monitor_would_have_suspend_nothing_in_their_namespace(
    world: World, labels: dict[str, str], annotations: dict[str, str], reason: str
) -> None:
    now = await proved(world)
    template = {"metadata": {"labels": labels, "annotations": annotations}, "spec": {"containers": []}}
    metadata = {"name": "chat-7d4b9c", "uid": "uid-set"}
    world.server.put(SETS, {"metadata": metadata, "spec": {"template": template}})

    await refused_pod(world, now + 2)

    assert await suspended(world, now) == reason


@pytest.mark.parametrize("there", ["gone", "made anew"])
async def test_where_the_controller_cannot_be_read_its_pods_may_be_a_monitors(
    world: World, there: str
) -> None:
    now = await proved(world)
    if there == "made anew":
        template = {"metadata": {"labels": {"app": "batch"}}}
        metadata = {"name": "chat-7d4b9c", "uid": "another"}
        world.server.put(SETS, {"metadata": metadata, "spec": {"template": template}})

    await refused_pod(world, now + 2)

    assert await suspended(world, now) == "InjectionSuspended"


async def test_a_deployment_that_is_broken_itself_does_not_suspend_for_ever(world: World) -> None:
    now = await proved(world)
    await refused_pod(world, now + 1)
    assert await suspended(world, now + 2) == "InjectionSuspended"

    for minutes in (2, 5, 10, 20, 40):
        await refused_pod(world, now + 60 * minutes)
        assert await suspended(world, now + 60 * minutes + 1) == ""


async def test_a_pod_refused_for_its_own_quota_suspends_nothing(world: World) -> None:
    now = await proved(world)

    quota = "exceeded quota: compute, requested: pods=1, used: pods=10, limited: pods=10"
    await refused_pod(world, now + 2, f'Error creating: pods "chat-7d4b9c-" is forbidden: {quota}')

    assert await suspended(world, now) == ""
