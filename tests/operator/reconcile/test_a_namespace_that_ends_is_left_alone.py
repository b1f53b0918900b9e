"""A namespace that is being deleted takes nothing new: an Event about it would be refused, every time."""

from __future__ import annotations

from tests.operator.reconcile.operator_world import World, until


async def test_it_is_known_by_the_namespace_itself(world: World) -> None:
    namespace = world.server.at("/api/v1/namespaces/prod")
    assert not world.parts.view.is_ending("prod")
    assert not world.parts.view.is_ending("unknown")

    metadata = {**namespace["metadata"], "deletionTimestamp": "2026-01-05T12:00:00Z"}
    world.server.put("/api/v1/namespaces", {**namespace, "metadata": metadata})

    await until(lambda: world.parts.view.is_ending("prod"))
