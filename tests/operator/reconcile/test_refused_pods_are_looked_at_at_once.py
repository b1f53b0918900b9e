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
    said = {"metadata": {"name": "chat.1"}, "reason": "FailedCreate", "message": "exceeded quota: compute"}
    world.server.put(EVENTS, {**said, "lastTimestamp": moment(now - 60 * minutes_ago)})
    await until(lambda: bool(world.parts.view.failed_creates("prod")))

    await keeper.start(now)
    verdict = await keeper.ask("prod", None, now)

    assert verdict.suspended == suspended
