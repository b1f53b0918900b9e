from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from tests.sidecar.gpu.asked import Asked, Driver
from tests.sidecar.gpu.conftest import SOURCE

Ask = Callable[..., Asked]

FUNCTIONS = sorted(set(re.findall(r"^int (nvml\w+)\(", SOURCE.read_text(), re.MULTILINE)))
"""All that the sampler uses: the pretended library has no others."""
CODES = (*range(1, 31), 777, 999)
"""Every nvmlReturn_t of NVML 13, and one that nobody knows."""
TOLD = ("count 2", "mig 1 0 MIG-a 7 1 2", "proc 0 42 1000", "migproc 1 0 43 1000")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_whatever_a_function_refuses_with_the_rest_is_told_and_it_recovers(
    driver: Driver, ask: Ask, function: str
) -> None:
    assert len(FUNCTIONS) > 20
    asked = ask()
    at = 0.0
    for code in CODES:
        driver.says(*TOLD, "xid 0 31 4294967295", f"fail {function} * {code}")
        for _ in range(2):  # while it is opened, and while it is open
            at += 100
            found = asked.sample(at, pids=[42, 43])
            assert found.visible or found.reason
            assert all(one.lost or one.memory_total_bytes or one.problem for one in found.devices)
        driver.says(*TOLD)
        at += 100

        assert asked.sample(at).visible, f"{function} {code}"
