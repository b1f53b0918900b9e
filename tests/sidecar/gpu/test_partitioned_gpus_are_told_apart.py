from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.sidecar.gpu.asked import GIB, Asked, Driver

Ask = Callable[..., Asked]
SMALL, LARGE = f"{2 * GIB} {10 * GIB}", f"{30 * GIB} {40 * GIB}"
PARTS = ("count 2", f"mig 0 0 MIG-a 7 {SMALL}", f"mig 0 2 MIG-b 9 {LARGE}", "migproc 0 2 42 1000")


def test_instances_have_memory_and_processes_and_their_gpu_no_utilisation(driver: Driver, ask: Ask) -> None:
    driver.says(*PARTS)

    parted, whole = ask(requested=1).sample(0, pids=[42]).devices

    assert (parted.partitioned, parted.utilisation, parted.ours) == (True, None, True)
    small, large = parted.instances
    assert (small.uuid, small.memory_used_bytes, small.memory_total_bytes) == ("MIG-a", 2 * GIB, 10 * GIB)
    assert (small.ours, small.model_memory_bytes) == (False, None)
    assert (large.uuid, large.ours, large.model_memory_bytes) == ("MIG-b", True, 1000)
    assert "utilisation" not in parted.problem  # it has none, which is no refusal
    assert (whole.partitioned, whole.utilisation, whole.ours) == (False, 1.0, False)


def test_an_error_of_an_instance_that_is_not_seen_is_not_counted(driver: Driver, ask: Ask) -> None:
    asked = ask()
    driver.says(*PARTS)
    asked.sample(0)
    driver.says(*PARTS, "xid 0 31 3", "xid 0 31 9", "xid 0 94 4294967295")

    parted, _ = asked.sample(1).devices

    assert [(xid.number, xid.count) for xid in parted.xids] == [(31, 1), (94, 1)]


def test_energy_of_a_partitioned_gpu_is_not_the_pods(driver: Driver, ask: Ask) -> None:
    asked = ask(requested=1)
    driver.says(*PARTS)
    asked.sample(0, pids=[42])

    parted, _ = asked.sample(1, pids=[42]).devices

    assert parted.energy_joules == pytest.approx(697.752)
    assert asked.last["energy"] == 0


def test_a_gpu_that_is_partitioned_while_it_runs_is_seen_at_the_next_walk(driver: Driver, ask: Ask) -> None:
    asked = ask()
    driver.says("count 1")
    assert asked.device(0).partitioned is False
    driver.says("count 1", f"mig 0 0 MIG-a 7 {SMALL}")

    assert [one.uuid for one in asked.device(10).instances] == ["MIG-a"]
