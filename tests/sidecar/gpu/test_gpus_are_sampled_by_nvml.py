from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.sidecar.gpu.asked import (
    DRIVER_NOT_LOADED,
    FUNCTION_NOT_FOUND,
    GIB,
    LOST,
    NO_PERMISSION,
    NOT_SUPPORTED,
    RESET_REQUIRED,
    UNKNOWN,
    VERSION_MISMATCH,
    Asked,
    Driver,
)

from llmmonitor_api.report.gpus import GPU

Ask = Callable[..., Asked]

TOTAL, WATTS = 85_520_809_984, 697_752 * 1e-3
"""Of the GPU that the pretended driver has."""
FIGURES = {
    "nvmlDeviceGetUtilizationRates": ("utilisation", ("utilisation",)),
    "nvmlDeviceGetMemoryInfo": ("memory", ("memory_used_bytes", "memory_total_bytes")),
    "nvmlDeviceGetPowerUsage": ("power", ("power_watts",)),
    "nvmlDeviceGetTemperature": ("temperature", ("temperature_celsius",)),
    "nvmlDeviceGetTotalEccErrors": ("ECC", ("ecc_corrected", "ecc_uncorrected")),
    "nvmlDeviceGetMigMode": ("MIG", ("partitioned",)),
    "nvmlDeviceGetComputeRunningProcesses": ("processes", ("model_memory_bytes",)),
}
"""By function of NVML: how its figure is called in a problem, and the fields that need it."""


def test_eight_gpus_each_with_its_own_figures(driver: Driver, ask: Ask) -> None:
    statements = ["driver 570.86.15", "count 8"]
    for index in range(8):
        statements += [
            f"gpu {index} util {10 * index}",
            f"gpu {index} used {index * GIB}",
            f"gpu {index} power {100_000 + index}",
            f"gpu {index} temp {40 + index}",
            f"gpu {index} ecc_c {index}",
            f"gpu {index} name NVIDIA H100 80GB HBM3",
        ]
    driver.says(*statements)

    found = ask().sample(0)

    assert (found.visible, found.source, found.driver, found.beyond) == (True, "NVML", "570.86.15", 0)
    assert [one.uuid for one in found.devices] == [f"GPU-{index:04}" for index in range(8)]
    for index, one in enumerate(found.devices):
        assert one.name == "NVIDIA H100 80GB HBM3"
        assert one.utilisation == pytest.approx(0.1 * index)
        assert (one.memory_used_bytes, one.memory_total_bytes) == (index * GIB, TOTAL)
        assert one.power_watts == pytest.approx(100 + index / 1000)
        assert one.temperature_celsius == 40 + index
        assert (one.ecc_corrected, one.ecc_uncorrected) == (index, 0)
        assert (one.repair_pending, one.repair_failed, one.partitioned) == (False, False, False)
        assert (one.ours, one.lost, one.problem, one.xids_seen) == (True, False, "", True)


def test_more_gpus_than_a_report_has_room_for_are_counted(driver: Driver, ask: Ask) -> None:
    driver.says("count 20")

    found = ask().sample(0)

    assert (len(found.devices), found.beyond) == (16, 4)


@pytest.mark.parametrize("code", [NOT_SUPPORTED, NO_PERMISSION, UNKNOWN])
@pytest.mark.parametrize("function", FIGURES)
def test_a_figure_that_is_refused_is_absent_and_said(
    driver: Driver, ask: Ask, function: str, code: int
) -> None:
    figure, fields = FIGURES[function]
    names = (function, f"{function}_v2", f"{function}_v3")
    driver.says("count 1", "proc 0 7 1000", *(f"fail {name} * {code}" for name in names))

    one = ask().device(0, pids=[7])

    words = {NOT_SUPPORTED: "Not Supported", NO_PERMISSION: "Insufficient Permissions", UNKNOWN: "Unknown"}
    assert figure in one.problem
    assert words[code] in one.problem
    for field in (field for _, fields_of_one in FIGURES.values() for field in fields_of_one):
        assert (getattr(one, field) is None) is (field in fields), field


def test_a_refusal_that_passes_is_forgotten_and_one_that_stays_is_not_asked_again(
    driver: Driver, ask: Ask
) -> None:
    asked = ask()
    for code, after in ((UNKNOWN, WATTS), (NOT_SUPPORTED, None)):
        driver.says("count 1", f"fail nvmlDeviceGetPowerUsage * {code}")
        assert asked.device(0).power_watts is None
        driver.says("count 1")

        one = asked.device(1)

        assert one.power_watts == after
        assert bool(one.problem) is (after is None)


def test_an_older_driver_is_asked_by_older_names(driver: Driver, ask: Ask) -> None:
    driver.says(
        "count 1",
        "gpu 0 reasons 32",
        "gpu 0 pages 1",
        "proc 0 42 1000",
        f"fail nvmlDeviceGetComputeRunningProcesses_v3 * {FUNCTION_NOT_FOUND}",
        f"fail nvmlDeviceGetCurrentClocksEventReasons * {FUNCTION_NOT_FOUND}",
        f"fail nvmlDeviceGetRemappedRows * {NOT_SUPPORTED}",
    )

    one = ask().device(0, pids=[42])

    assert one.model_memory_bytes == 1000
    assert one.slowdowns == {"software thermal slowdown": 1.0}
    assert (one.repair_pending, one.repair_failed) == (True, None)


@pytest.mark.parametrize("code", [LOST, RESET_REQUIRED])
def test_a_gpu_that_falls_off_the_bus_is_lost_and_the_others_are_not(
    driver: Driver, ask: Ask, code: int
) -> None:
    driver.says("count 3", "xid 1 79 4294967295")
    asked = ask()
    assert not any(one.lost for one in asked.sample(0).devices)

    driver.says("count 3", "xid 1 79 4294967295", "xid 1 79 4294967295", f"fail * 1 {code}")
    well, lost, also_well = asked.sample(1).devices

    assert (lost.uuid, lost.name, lost.lost, lost.utilisation) == (
        "GPU-0001",
        "NVIDIA H100 80GB HBM3",
        True,
        None,
    )
    assert lost.problem.startswith("lost: GPU ")
    assert [(xid.number, xid.kind, xid.count) for xid in lost.xids] == [(79, "hardware", 1)]
    assert not well.lost
    assert not also_well.lost
    assert well.utilisation == also_well.utilisation == 1.0


def test_a_lost_gpu_that_comes_back_is_found_within_a_minute(driver: Driver, ask: Ask) -> None:
    asked = ask()
    driver.says("count 1", f"fail * 0 {LOST}")
    assert asked.device(0).lost
    assert asked.device(1).uuid == "index 0"  # lost before it said who it is

    driver.says("count 1")

    assert asked.device(62) == GPU_AS_IT_IS


@pytest.mark.parametrize(
    "then",
    [
        ("count 3", f"fail * 1 {LOST}"),  # no name any more
        ("count 3", f"fail nvmlDeviceGetHandleByIndex_v2 1 {LOST}"),  # not even a handle
        ("count 2", "gpu 1 uuid GPU-0002"),  # not listed at all
    ],
)
def test_a_lost_gpu_that_stays_lost_is_remembered_when_nvml_is_opened_anew(
    driver: Driver, ask: Ask, then: tuple[str, ...]
) -> None:
    asked = ask(requested=1)
    driver.says("count 3", "proc 1 42 1000")
    asked.sample(0, pids=[42])
    driver.says("count 3", "proc 1 42 1000", f"fail * 1 {LOST}", "xid 1 79 4294967295")
    asked.sample(1, pids=[42])
    driver.says(*then)

    found = asked.sample(70, pids=[43])

    assert [one.uuid for one in found.devices if not one.lost] == ["GPU-0000", "GPU-0002"]
    [lost] = [one for one in found.devices if one.lost]
    assert (lost.uuid, lost.index, lost.name, lost.ours) == ("GPU-0001", 1, "NVIDIA H100 80GB HBM3", True)
    [xid] = lost.xids
    assert (xid.number, xid.age_seconds) == (79, 69.0)


def test_a_lost_gpu_is_still_the_pods_when_the_model_was_started_anew(driver: Driver, ask: Ask) -> None:
    asked = ask(requested=1)
    driver.says("count 2", "proc 1 42 1000")
    asked.sample(0, pids=[42])
    driver.says("count 2", "proc 1 42 1000", f"fail * 1 {LOST}")

    _, lost = asked.sample(11, pids=[43]).devices

    assert (lost.lost, lost.ours) == (True, True)


GPU_AS_IT_IS = GPU(
    uuid="GPU-0000",
    name="NVIDIA H100 80GB HBM3",
    ours=True,
    utilisation=1.0,
    memory_used_bytes=70 * GIB,
    memory_total_bytes=TOTAL,
    power_watts=WATTS,
    energy_joules=0.0,
    temperature_celsius=54.0,
    slowdowns={"power cap": 1.0},
    slowdown_samples=1,
    ecc_corrected=0,
    ecc_uncorrected=0,
    repair_pending=False,
    repair_failed=False,
    xids_seen=True,
    partitioned=False,
)


@pytest.mark.parametrize("code", [DRIVER_NOT_LOADED, VERSION_MISMATCH])
def test_a_driver_that_goes_is_said_and_looked_for_each_minute(driver: Driver, ask: Ask, code: int) -> None:
    asked = ask()
    driver.says("count 1", "gpu 0 ecc_u 0")
    asked.sample(0)
    driver.says("count 1", f"fail * * {code}")

    gone = asked.sample(1)
    driver.says("count 1", "gpu 0 ecc_u 0")
    soon, later = asked.sample(30), asked.sample(62)

    assert not gone.visible
    assert "the driver does not answer any more" in gone.reason
    assert soon.reason == gone.reason
    assert later.visible


def test_errors_of_memory_are_dated_when_they_are_seen_to_grow(driver: Driver, ask: Ask) -> None:
    asked = ask()
    driver.says("count 1", "gpu 0 ecc_u 2")
    before = asked.device(0)
    driver.says("count 1", "gpu 0 ecc_u 3", "gpu 0 pending 1", "gpu 0 failed 1")
    asked.device(10)

    after = asked.device(25)

    assert (before.ecc_uncorrected, before.ecc_uncorrected_age_seconds) == (2, None)
    assert after.ecc_uncorrected == 3
    assert after.ecc_uncorrected_age_seconds == pytest.approx(15)
    assert (after.repair_pending, after.repair_failed) == (True, True)


def test_xids_are_counted_by_number_kind_and_age_and_old_ones_are_not(driver: Driver, ask: Ask) -> None:
    asked = ask()
    said = ["count 2", "xid 0 48 4294967295"]
    driver.says(*said)
    assert not asked.sample(0).devices[0].xids
    said += ["xid 0 31 4294967295", "xid 1 79 4294967295", "xid 0 31 4294967295"]
    driver.says(*said)

    asked.sample(5)
    first, second = asked.sample(8).devices

    [fault], [fallen] = first.xids, second.xids
    assert (fault.number, fault.kind, fault.count) == (31, "application", 2)
    assert (fallen.number, fallen.kind, fallen.count) == (79, "hardware", 1)
    assert fault.age_seconds == fallen.age_seconds == pytest.approx(3)


def test_a_driver_without_events_says_that_it_has_none(driver: Driver, ask: Ask) -> None:
    driver.says("count 1", f"fail nvmlDeviceRegisterEvents * {NOT_SUPPORTED}")

    assert not ask().device(0).xids_seen


def test_why_clocks_were_held_down_is_a_share_of_the_last_minute(driver: Driver, ask: Ask) -> None:
    asked = ask()
    for second in range(100):
        driver.says("count 1", f"gpu 0 reasons {0x44 if second >= 85 else 0x01}")
        one = asked.device(second)

    assert one.slowdown_samples == 61
    assert one.slowdowns == pytest.approx({"power cap": 15 / 61, "hardware thermal slowdown": 15 / 61})


def test_memory_in_use_is_without_the_drivers_own_where_it_tells(driver: Driver, ask: Ask) -> None:
    driver.says("count 1", "gpu 0 used 0", f"gpu 0 reserved {GIB}")
    newer = ask().device(0)
    driver.says(
        "count 1",
        "gpu 0 used 0",
        f"gpu 0 reserved {GIB}",
        f"fail nvmlDeviceGetMemoryInfo_v2 * {FUNCTION_NOT_FOUND}",
    )

    older = ask().device(0)

    assert (newer.memory_used_bytes, newer.memory_total_bytes, newer.problem) == (0, TOTAL, "")
    assert (older.memory_used_bytes, older.memory_total_bytes, older.problem) == (GIB, TOTAL, "")


def test_energy_is_the_gpus_own_counter_and_survives_a_new_driver(driver: Driver, ask: Ask) -> None:
    asked = ask()
    for at, counter, watts in ((0, 5_000_000, 70), (10, 5_710_000, 70), (20, 100_000, 30), (30, 400_000, 30)):
        driver.says("count 1", f"gpu 0 energy {counter}", f"gpu 0 power {1000 * watts}")
        one = asked.device(at)

    by_power_while_the_driver_was_loaded = 10 * (70 + 30) / 2
    assert one.energy_joules == pytest.approx(710 + by_power_while_the_driver_was_loaded + 300)
    assert not one.energy_integrated
    assert asked.last["energy"] == 1_510_000


def test_between_two_looks_at_the_counter_energy_is_power_over_time(driver: Driver, ask: Ask) -> None:
    asked = ask()
    joules = []
    for second in range(21):
        counted = 50_000 * second + 3_000 * (second >= 10)
        driver.says("count 1", f"gpu 0 energy {counted}", "gpu 0 power 51000")
        joules.append(asked.device(second).energy_joules)

    assert joules == pytest.approx([*(51 * n for n in range(10)), *(503 + 51 * n for n in range(10)), 1003])


def test_energy_never_goes_back_where_power_said_more_than_the_counter(driver: Driver, ask: Ask) -> None:
    asked = ask()
    joules = []
    for second in range(31):
        driver.says("count 1", f"gpu 0 energy {50_000 * second}", "gpu 0 power 60000")
        joules.append(asked.device(second).energy_joules or 0.0)

    assert joules == sorted(joules)
    assert joules[9:14] == pytest.approx([540, 540, 560, 620, 680])


def test_without_a_counter_energy_is_power_over_time_but_not_over_gaps(driver: Driver, ask: Ask) -> None:
    asked = ask()
    no_counter = f"fail nvmlDeviceGetTotalEnergyConsumption * {NOT_SUPPORTED}"
    for at, milliwatts in ((0, 100_000), (10, 300_000), (1000, 300_000), (1001, 300_000)):
        driver.says("count 1", f"gpu 0 power {milliwatts}", no_counter)
        one = asked.device(at)

    assert one.energy_joules == pytest.approx(10 * 200 + 300)
    assert one.energy_integrated


def test_a_gpu_of_another_container_is_none_of_ours(driver: Driver, ask: Ask) -> None:
    driver.says("count 2", f"fail nvmlDeviceGetHandleByIndex_v2 0 {NO_PERMISSION}")

    assert ask().device(0).uuid == "GPU-0001"


@pytest.mark.parametrize("most", [2**64 - 1, 2**64 - 2], ids=["not available", "as large"])
@pytest.mark.parametrize(
    ("field", "figure"),
    [
        ("used", "memory"),
        ("total", "memory"),
        ("power", "power"),
        ("temp", "temperature"),
        ("energy", "energy counter"),
        ("ecc_c", "corrected ECC"),
        ("ecc_u", "uncorrected ECC"),
    ],
)
def test_a_figure_that_no_gpu_has_is_said_and_costs_no_other(
    driver: Driver, ask: Ask, field: str, figure: str, most: int
) -> None:
    asked = ask()
    asked.sample(at=0, pids=[42])
    driver.says("count 1", f"gpu 0 {field} {most}", f"proc 0 42 {most}")

    one = asked.device(at=10, pids=[42])  # read as the operator reads it

    assert f"{figure}: the driver says" in one.problem
    assert one.utilisation == 1
    assert (one.energy_joules or 0.0) < 10_000
    assert one.model_memory_bytes is None
    driver.says("count 1")
    assert asked.device(at=20).problem == ""
