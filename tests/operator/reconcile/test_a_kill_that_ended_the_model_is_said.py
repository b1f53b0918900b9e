from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.operator.reconcile.operator_world import MONITORS, PODS, World

from llmmonitor_operator.checkpoint import decode, encode
from llmmonitor_operator.state import State


def state_of(world: World) -> State:
    [memory] = world.one_pass._memories.values()
    return memory.state


async def test_the_kubelets_word_turns_resources_and_stands_in_status_and_checkpoint(world: World) -> None:
    async with world.attached():
        await world.passed()
        pod = world.server.at(f"{PODS}/chat-a")
        first, *others = pod["status"]["containerStatuses"]
        at = (datetime.now(UTC) - timedelta(seconds=20)).strftime("%Y-%m-%dT%H:%M:%SZ")
        ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": at}}
        status = {**pod["status"], "containerStatuses": [{**first, "lastState": ended}, *others]}
        world.server.put(PODS, {**pod, "status": status})
        await world.settled()

        conditions = await world.passed()

    assert conditions["ResourcesHealthy"]["reason"] == "OOMKilled"
    assert world.server.at(f"{MONITORS}/chat")["status"]["resources"]["oomKills"] == 1
    kept = decode(encode(state_of(world)).data)
    [kill] = kept.oom_kills
    assert (kill.pod, kill.kills) == ("chat-a", 1)
    [step] = [one for one in kept.condition_history.steps["ResourcesHealthy"] if one.status == "False"]
    assert step.reason == "OOMKilled"
