from __future__ import annotations

import pytest
from tests.operator.reconcile.operator_world import KEY, World

from llmmonitor_api.report.report import MemoryTrend, Resources
from llmmonitor_operator.reconcile.sidecars.standing import LOOK_AGAIN_SECONDS

MIB = 1 << 20


@pytest.mark.parametrize(("high", "soon"), [(40 * MIB, True), (10 * MIB, False)])
async def test_what_may_be_full_before_the_next_pull_is_pulled_sooner(
    world: World,
    high: int,
    soon: bool,  # noqa: FBT001 - parametrised
) -> None:
    """500 MiB are left, and growth has begun within the last seconds: too early to say anything."""
    trend = MemoryTrend(5 * MIB, low=-high + 10 * MIB, high=high, samples=8, span_seconds=8.0)
    async with world.attached() as sidecar:
        sidecar.resources = Resources(
            processes_visible=True,
            memory_used_bytes=1548 * MIB,
            memory_held_bytes=1548 * MIB,
            memory_limit_bytes=2048 * MIB,
            memory_trends=(trend,),
        )
        conditions = await world.passed()

        due = await world.one_pass(KEY)

    assert due is not None
    assert (due <= LOOK_AGAIN_SECONDS) is soon

    assert conditions["ResourcesHealthy"]["reason"] == "WithinLimits"
