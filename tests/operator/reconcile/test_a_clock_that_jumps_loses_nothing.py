"""The operator's clock is put forward by an hour and back again: nothing is counted twice, lost or stuck."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from tests.operator.reconcile.operator_world import KEY, World

from llmmonitor_operator.reconcile.monitor_pass import MonitorPass

HOUR = 3600.0


@dataclass
class Clock:
    """The machine's, and by how much it is wrong."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])
async def test_requests_are_counted_once_whatever_the_clock_does(world: World, jump: float) -> None:
    clock = Clock()
    world.one_pass = MonitorPass(world.parts, clock)
    async with world.attached() as double:
        found = []
        for number, ahead in enumerate((0.0, 0.0, jump, jump, 0.0, 0.0), start=1):
            clock.ahead = ahead
            double.begun = 10 * number
            conditions = await world.passed()
            found.append({kind: conditions[kind]["status"] for kind in ("Injected", "Reporting")})

    state = world.one_pass._memories[KEY].state
    [source] = state.pods[double.pod_uid].boots
    assert source.figures.begun == 60
    assert state.window(24 * HOUR).begun == 60
    assert found[-1] == {"Injected": "True", "Reporting": "True"}
