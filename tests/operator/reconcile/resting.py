"""An operator whose monitors may rest, on a clock that tests move, and looks at them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import pytest
from tests.operator.reconcile import sidecar_double
from tests.operator.reconcile.operator_world import KEY, World
from tests.operator.reconcile.sidecar_double import SidecarDouble

from llmmonitor_operator.evaluate.calm import Calm
from llmmonitor_operator.reconcile.loop import Why
from llmmonitor_operator.reconcile.monitor_pass import MonitorPass
from llmmonitor_operator.reconcile.rest import End
from llmmonitor_operator.state import State


@dataclass
class Clock:
    """Of the operator and of the sidecar."""

    now: float
    tells_on: bool = True
    """Whether sidecars that were asked for more tell them in time."""
    told: int = 0
    """Looks before which one had."""

    def __call__(self) -> float:
        return self.now

    time = __call__


def let_rest(world: World, monkeypatch: pytest.MonkeyPatch, *, after: float, seconds: float) -> Clock:
    """For `seconds`, from so long after the last cell of five minutes began."""
    found = Clock(time.time() // 300 * 300 + after)
    world.parts = replace(world.parts, settings=replace(world.parts.settings, rest_seconds=seconds))
    world.one_pass = MonitorPass(world.parts, found)
    monkeypatch.setattr(sidecar_double, "time", found)
    return found


async def rested(world: World, double: SidecarDouble, clock: Clock, seconds: float) -> None:
    """After a pass that left nothing to be done, for so long; requests are no news to it."""
    double.begun = 40
    await world.passed()
    await world.namespace_pass.look()
    await world.passed()
    memory = world.one_pass._memories[KEY]
    assert memory.rest is not None
    calm = Calm(memory.rest.calm.settings, {}, for_requests=False, states=memory.rest.calm.states)
    memory.rest = replace(memory.rest, calm=calm, end=End(clock.now + seconds))


def state(world: World) -> State:
    return world.one_pass._memories[KEY].state


async def look(world: World, clock: Clock, seconds: float = 15.0) -> float | None:
    clock.now += seconds
    if clock.tells_on:
        clock.told += await world.told_on()
    return await world.one_pass(KEY, Why.TIME)
