from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.sidecar.gpu.asked import Asked, Driver

from llmmonitor_sidecar.samplers.gpu.ours import memory_of, ours

Ask = Callable[..., Asked]
NOBODY: dict[int, int | None] = {}
FOUR: dict[str, dict[int, int | None]] = {"a": NOBODY, "b": {7: 100}, "c": {8: None, 99: 5}, "d": NOBODY}


@pytest.mark.parametrize(
    ("model", "requested", "told_by", "whose"),
    [
        ({7, 8}, 2, "processes", "bc"),
        ({7, 8}, 1, "processes", "bc"),
        ({7, 8}, None, "processes", "bc"),
        ({7}, 2, "processes", "b"),
        ({1}, 2, "", ""),
        (set(), 2, "", ""),
        (set(), 4, "number", "abcd"),
        (set(), 8, "number", "abcd"),
        ({7}, 4, "number", "abcd"),
        (set(), None, "sight", "abcd"),
    ],
)
def test_by_processes_else_by_number_else_not_at_all(
    model: set[int], requested: int | None, told_by: str, whose: str
) -> None:
    assert ours(FOUR, model, requested) == (told_by, frozenset(whose))


def test_memory_is_that_of_the_models_processes() -> None:
    assert memory_of({7: 100, 8: 10, 99: 5}, {7, 8}) == 110
    assert memory_of({8: None}, {8}) is None
    assert memory_of({}, {8}) is None


def test_only_the_pods_gpus_give_it_energy(driver: Driver, ask: Ask) -> None:
    asked = ask(requested=1)
    driver.says("count 2", "proc 1 42 1000")
    asked.sample(0, pids=[42])
    energy = [f"gpu {index} energy {16_862_136 + joules}" for index, joules in ((0, 9000), (1, 3000))]
    driver.says("count 2", "proc 1 42 1000", *energy)

    others, own = asked.sample(60, pids=[42]).devices

    assert (others.ours, own.ours, own.model_memory_bytes) == (False, True, 1000)
    assert asked.last["energy"] == 3000


def test_processes_are_looked_at_every_ten_seconds(driver: Driver, ask: Ask) -> None:
    asked = ask(requested=1)
    driver.says("count 2", "proc 1 42 1000")
    asked.sample(0, pids=[42])
    driver.says("count 2", "proc 0 42 1000")

    at_nine, at_ten = asked.sample(9, pids=[42]), asked.sample(10, pids=[42])

    assert [one.ours for one in at_nine.devices] == [False, True]
    assert [one.ours for one in at_ten.devices] == [True, False]
