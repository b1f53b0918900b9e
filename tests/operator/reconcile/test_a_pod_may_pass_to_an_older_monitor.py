"""Its labels or the older monitor's selector changed: the sidecar has settings of a higher number by then."""

from __future__ import annotations

from typing import Any

from tests.operator.reconcile.operator_world import KEY, MONITORS, World

OLDER = ("prod", "older")
A_YEAR_BEFORE = "2025-01-05T12:00:00Z"


def _older(world: World, generation: int = 1, created: str = A_YEAR_BEFORE, **spec: Any) -> None:
    """A monitor of the same pods that comes before the other, as the operator sees it."""
    chat = world.server.at(f"{MONITORS}/chat")
    made = {"creationTimestamp": created, "generation": generation}
    seen = {**chat, "metadata": {"name": "older", "namespace": "prod", "uid": "older", **made}}
    world.server.put(MONITORS, {**seen, "metadata": {"name": "older", "uid": "older"}})
    world.parts.monitors.take(seen | {"spec": chat["spec"] | spec})


def _pushes(world: World) -> float:
    return (
        world.parts.metrics.registry.get_sample_value("llm_monitor_operator_pushes_total", {"result": "ok"})
        or 0.0
    )


async def test_its_sidecar_takes_the_settings_of_the_older_one_once_each(world: World) -> None:
    async with world.attached() as double:
        await world.passed()

        _older(world, sampling={"resourceInterval": "7s"})
        await world.one_pass(OLDER)
        assert double.configuration.resource_interval_seconds == 7.0

        before = _pushes(world)
        await world.one_pass(OLDER)
        assert _pushes(world) == before, "it has them"

        _older(world, generation=2, sampling={"resourceInterval": "9s"})
        await world.one_pass(OLDER)
        assert double.configuration.resource_interval_seconds == 9.0


async def test_its_sidecar_takes_the_settings_of_one_made_in_the_same_second(world: World) -> None:
    async with world.attached() as double:
        await world.passed()
        chat = world.server.at(f"{MONITORS}/chat")["metadata"]

        _older(world, chat["generation"], chat["creationTimestamp"], sampling={"resourceInterval": "7s"})
        world.parts.monitors.drop(KEY, chat["uid"])
        await world.one_pass(OLDER)

        assert double.configuration.resource_interval_seconds == 7.0
