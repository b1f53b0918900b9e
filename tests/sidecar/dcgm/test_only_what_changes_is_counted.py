from __future__ import annotations

import pytest
from tests.sidecar.dcgm.expositions import CHAT, MIG, OTHER, WELL, gpu

from llmmonitor_api.report.gpus import GPU
from llmmonitor_sidecar.samplers.dcgm import exposition
from llmmonitor_sidecar.samplers.dcgm.figures import DCGMFigures
from llmmonitor_sidecar.samplers.dcgm.whose import Asking

SECOND = 1_000_000_000


class Pod:
    """The pod's GPU as a sidecar follows it, every 15 s."""

    def __init__(self) -> None:
        self.figures = DCGMFigures(Asking(CHAT, 1, on_the_node=False))
        self.now_ns = 0

    def sees(self, **changes: float | None) -> GPU:
        given = WELL | {f"DCGM_FI_DEV_{field}": figure for field, figure in changes.items()}
        return self.reads(
            gpu(0, CHAT, figures={field: one for field, one in given.items() if one is not None})
        )

    def reads(self, text: str) -> GPU:
        self.now_ns += 15 * SECOND
        [one] = self.figures.take(exposition.read(text), self.now_ns).devices
        return one


def counts(one: GPU) -> list[tuple[int, str, int]]:
    return [(xid.number, xid.kind, xid.count) for xid in one.xids]


def test_the_xid_of_before_the_sidecar_is_not_counted() -> None:
    pod = Pod()

    pod.sees(XID_ERRORS=79)

    assert counts(pod.sees(XID_ERRORS=79)) == []


def test_an_xid_counts_once_however_often_its_value_is_read() -> None:
    pod = Pod()
    pod.sees()

    for _ in range(3):
        one = pod.sees(XID_ERRORS=79)

    assert counts(one) == [(79, "hardware", 1)]
    assert one.xids[0].age_seconds == pytest.approx(30)


def test_each_change_of_the_value_counts_with_its_kind() -> None:
    pod = Pod()
    for number in (0, 31, 79, 31):
        one = pod.sees(XID_ERRORS=number)

    assert counts(one) == [(31, "application", 2), (79, "hardware", 1)]


def test_an_exporter_that_starts_anew_makes_no_errors() -> None:
    pod = Pod()
    pod.sees()
    pod.sees(XID_ERRORS=79)

    for number in (None, 79, 0):  # not known yet, still there, forgotten
        one = pod.sees(XID_ERRORS=number)

    assert counts(one) == [(79, "hardware", 1)]
    assert counts(pod.sees(XID_ERRORS=79)) == [(79, "hardware", 2)]


def test_energy_is_what_the_counter_grows_by_and_never_goes_back() -> None:
    pod = Pod()
    for counted in (5e9, 5.5e9, 1e6, 2e6, None, 3e6):  # reset by a reload of the driver; once left out
        one = pod.sees(TOTAL_ENERGY_CONSUMPTION=counted, POWER_USAGE=None)

    assert (one.energy_joules, one.energy_integrated) == (502_000.0, False)
    assert pod.figures.energy_millijoules == 502_000_000


def test_an_energy_as_large_as_a_blank_is_an_energy() -> None:
    pod = Pod()
    for counted in (0x7FFFFFF0 - 1_000, 0x7FFFFFF0):
        one = pod.sees(TOTAL_ENERGY_CONSUMPTION=counted, POWER_USAGE=100)

    assert (one.energy_joules, one.energy_integrated) == (1.0, False)


def test_a_gpu_without_a_counter_takes_power_over_time() -> None:
    pod = Pod()
    for _ in range(3):
        one = pod.sees(TOTAL_ENERGY_CONSUMPTION=None, POWER_USAGE=100)

    assert (one.energy_joules, one.energy_integrated) == (3_000.0, True)


def test_uncorrectable_errors_are_dated_when_they_grow() -> None:
    pod = Pod()
    first, same, more = (pod.sees(ECC_DBE_VOL_TOTAL=count) for count in (2, 2, 3))

    ages = [one.ecc_uncorrected_age_seconds for one in (first, same, more)]
    assert (ages, more.ecc_uncorrected) == ([None, None, 0.0], 3)


def test_slowdowns_are_shares_of_the_samples_that_there_are() -> None:
    pod = Pod()
    for reasons in (0x0, 0x4, 0x44, 0x1):  # none, power cap, and heat, idle
        one = pod.sees(CLOCK_THROTTLE_REASONS=reasons)

    assert one.slowdowns == {"power cap": 0.5, "hardware thermal slowdown": 0.25}
    assert one.slowdown_samples == 4


def test_of_a_partitioned_gpu_the_pods_parts_and_the_hardwares_errors_count() -> None:
    pod = Pod()

    def read(*, whole: int, mine: int, others: int) -> GPU:
        def part(number: int, pod: object, identity: str) -> str:
            return gpu(0, pod, part=(identity, "2g.20gb"), figures=MIG | {"DCGM_FI_DEV_XID_ERRORS": number})  # type: ignore[arg-type] # a Holder

        parent = gpu(0, figures={"DCGM_FI_DEV_XID_ERRORS": whole})
        return pod.reads(parent + part(mine, CHAT, "3") + part(others, OTHER, "5"))

    read(whole=0, mine=0, others=0)
    read(whole=31, mine=0, others=94)  # another's, and who knows whose
    assert counts(read(whole=79, mine=13, others=94)) == [(13, "application", 1), (79, "hardware", 1)]


def test_an_exporter_with_other_names_at_every_look_takes_no_more_memory() -> None:
    pod = Pod()
    for number in range(300):
        pod.reads(gpu(0, CHAT, labels={"UUID": f"GPU-{number}"}) + gpu(1, OTHER))
        pod.reads(gpu(0, CHAT, part=(str(number), "1g.10gb")))

    assert len(pod.figures._remembered) <= 64
    assert len(pod.figures._last_xids) <= 512


def test_gpus_that_are_still_there_are_remembered_beside_those() -> None:
    pod = Pod()
    pod.sees()
    for number in range(200):
        pod.reads(gpu(0, CHAT, labels={"UUID": f"GPU-x{number}"}))
        one = pod.sees(XID_ERRORS=79)

    assert counts(one) == [(79, "hardware", 1)]


def test_a_counter_that_grows_by_more_than_a_gpu_takes_is_not_believed() -> None:
    pod = Pod()
    for counted in (5e9, 9e14, 5e9, 9e14):
        one = pod.sees(TOTAL_ENERGY_CONSUMPTION=counted)

    assert one.energy_joules == pytest.approx(3 * 15 * 312.5)
