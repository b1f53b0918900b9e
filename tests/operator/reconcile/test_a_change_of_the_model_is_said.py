from __future__ import annotations

import base64

from tests.operator.reconcile.operator_world import MONITORS, PODS, World

from llmmonitor_api.conditions.event_reasons import MODEL_CHANGED

OLD, NEW = ("docker.io/vllm/vllm-openai@sha256:" + 64 * digit for digit in "ab")


async def runs(world: World, image_id: str) -> None:
    pod = world.server.at(f"{PODS}/chat-a")
    first, *others = pod["status"]["containerStatuses"]
    status = {**pod["status"], "containerStatuses": [{**first, "imageID": image_id}, *others]}
    world.server.put(PODS, {**pod, "status": status})
    await world.settled()


async def test_another_image_is_an_event_and_a_version_in_status_and_checkpoint(
    world: World,
) -> None:
    async with world.attached():
        await runs(world, OLD)
        await world.passed()
        assert not [one for one in world.events if one.reason == MODEL_CHANGED]

        await runs(world, NEW)
        conditions = await world.passed()
        await world.passed()

    [event] = [one for one in world.events if one.reason == MODEL_CHANGED]
    assert "image aaaaaaaaaaaa → bbbbbbbbbbbb" in event.message
    assert conditions["VersionsComparable"]["reason"] == "Inconclusive"
    newest, oldest = world.server.at(f"{MONITORS}/chat")["status"]["versions"]
    assert (newest["pods"], oldest.get("pods", 0)) == (1, 0)
    await world.one_pass.save_all()
    uid = world.server.at(f"{MONITORS}/chat")["metadata"]["uid"]
    kept = world.server.at(f"/api/v1/namespaces/llm-monitor/configmaps/llm-monitor-checkpoint-{uid}")
    assert base64.b64decode(kept["binaryData"]["state"])


async def test_another_version_is_told_to_the_sidecar_that_probes_it(world: World) -> None:
    async with world.attached() as double:
        chat = world.server.at(f"{MONITORS}/chat")
        quality = {"schedule": "1h", "suites": ["facts"]}
        world.server.put(MONITORS, {**chat, "spec": {**chat["spec"], "quality": quality}})
        await runs(world, OLD)
        await world.passed()
        first = double.configuration.probes

        await runs(world, NEW)
        await world.passed()
        second, pushed = double.configuration.probes, double.configurations
        await world.passed()

        assert first is not None
        assert second is not None
        assert first.version
        assert second.version not in {"", first.version}
        assert second.digest == first.digest
        assert double.configurations is pushed
