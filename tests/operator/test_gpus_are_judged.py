from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.operator.reported_gpus import GIB, PARTED, WELL, but, exported, seen, silent

from llmmonitor_api.report.gpus import XID
from llmmonitor_operator import checkpoint
from llmmonitor_operator.reconcile.publish.status_difference import Difference, difference

Make = Callable[..., Any]
Said = Callable[[Any, str], tuple[str, str, str]]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"lost": True, "problem": "lost: GPU is lost"}, "lost: GPU is lost"),
        (
            {"xids": (XID(79, "hardware", 2, 100.0),)},
            "XID 79 1 min 40 s ago (window 1 h, 2 times in all)",
        ),
        (
            {"ecc_uncorrected": 3, "ecc_uncorrected_age_seconds": 60.0},
            "3 uncorrectable ECC errors, the last 1 min ago (window 1 h)",
        ),
        ({"repair_failed": True}, "a row of its memory could not be remapped: it has to be replaced"),
        (
            {"slowdowns": {"hardware thermal slowdown": 0.4}, "temperature_celsius": 91.0},
            "hardware thermal slowdown in 40 % of the last minute > 25 % (n=60, 91 °C)",
        ),
    ],
)
def test_what_is_wrong_with_a_gpu_is_false_with_its_figure(
    in_pods: Make, said: Said, wrong: dict[str, Any], words: str
) -> None:
    result = in_pods((1, seen(but(index=3, uuid="GPU-f00", **wrong))))

    assert said(result, "ResourcesHealthy") == ("False", "GPUErrors", f"chat-0: GPU 3 (GPU-f00): {words}")
    assert said(result, "Healthy")[:2] == ("False", "GPUErrors")


@pytest.mark.parametrize(
    "harmless",
    [
        {"xids": (XID(31, "application", 9, 1.0),)},
        {"xids": (XID(79, "hardware", 1, 3601.0),)},
        {"ecc_uncorrected": 3, "ecc_corrected": 10**6},
        {"ecc_uncorrected": 3, "ecc_uncorrected_age_seconds": 3601.0},
        {"repair_pending": True},
        {"slowdowns": {"power cap": 1.0, "power brake": 0.25}},
        {"slowdowns": {"hardware slowdown": 1.0}, "slowdown_samples": 29},
        {"ours": False, "lost": True, "xids": (XID(79, "hardware", 1, 1.0),)},
    ],
)
def test_what_is_ordinary_old_or_anothers_fails_nobody(
    in_pods: Make, said: Said, harmless: dict[str, Any]
) -> None:
    result = in_pods((1, seen(WELL, but(uuid="GPU-1", **harmless))))

    assert said(result, "ResourcesHealthy")[:2] == ("True", "WithinLimits")


def test_gpus_of_a_node_that_no_pod_requests_fail_nobody(in_pods: Make, said: Said) -> None:
    broken = seen(but(lost=True, problem="lost: GPU is lost"), told_by="sight")

    assert said(in_pods((0, broken)), "ResourcesHealthy")[:2] == ("True", "WithinLimits")


@pytest.mark.parametrize(("seconds", "status"), [(59.0, "True"), (75.0, "False")])
def test_a_driver_that_is_silent_for_a_minute_is_an_error(
    in_pods: Make, said: Said, seconds: float, status: str
) -> None:
    result = said(in_pods((1, silent(seconds, WELL))), "ResourcesHealthy")

    assert result[0] == status
    if status == "False":
        message = "chat-0: the GPUs' driver has not answered for 1 min 15 s (limit 1 min)"
        assert result[1:] == ("GPUErrors", message)


def test_an_error_grows_older_with_its_report_and_its_sample(in_pods: Make, said: Said) -> None:
    found = silent(10, but(xids=(XID(79, "hardware", 1, 100.0),)))
    aged = msgspec.structs.replace(found, sampled_age_seconds=200.0)

    message = said(in_pods((1, aged), later=20), "ResourcesHealthy")[2]

    assert "XID 79 5 min 20 s ago" in message


def test_the_status_adds_up_the_pods_own_gpus(in_pods: Make) -> None:
    others = but(uuid="GPU-9", ours=False, utilisation=1.0)
    idle = but(uuid="GPU-1", utilisation=0.0, power_watts=100.0, xids=(XID(79, "hardware", 2, 1e5),))

    gpu = in_pods((2, seen(WELL, idle, others)), (1, seen(PARTED))).status["resources"]["gpu"]

    assert gpu == {
        "requested": 3,
        "visible": 3,
        "source": "NVML",
        "lost": 0,
        "utilisation": 0.25,
        "memoryUsedBytes": 141 * GIB,
        "memoryTotalBytes": 170 * GIB,
        "powerWatts": 500.0,
        "errors": 2,
    }


def test_of_a_partitioned_gpu_the_use_of_the_pods_parts_is_shown_where_it_is_known(in_pods: Make) -> None:
    used = tuple(msgspec.structs.replace(one, utilisation=0.25) for one in PARTED.instances)
    parted = msgspec.structs.replace(PARTED, instances=used)

    gpu = in_pods((1, exported(parted)), (1, seen(WELL))).status["resources"]["gpu"]

    assert (gpu["source"], gpu["utilisation"]) == ("NVML and DCGM", 0.375)


def test_figures_of_a_silent_driver_are_not_shown(in_pods: Make) -> None:
    gpu = in_pods((1, silent(30, WELL))).status["resources"]["gpu"]

    assert gpu == {"requested": 1, "visible": 0, "source": "NVML", "lost": 0}


def test_of_a_node_full_of_gpus_only_the_pods_are_kept_and_none_in_a_checkpoint(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.gpus = seen(WELL, *(but(uuid=f"GPU-{n}", ours=False) for n in range(7)))

    one.gather([replica])
    [kept] = one.state.pods["uid-0"].boots
    [restored] = checkpoint.decode(checkpoint.encode(one.state).data).pods["uid-0"].boots

    assert kept.gpus is not None
    assert ([gpu.uuid for gpu in kept.gpus.devices], kept.gpus.beyond) == (["GPU-0"], 7)
    assert (restored.gpus, restored.sequence) == (None, 1)


def test_an_idle_gpu_whose_power_and_use_waver_is_no_news(in_pods: Make) -> None:
    idle = but(utilisation=0.0, power_watts=70.0)
    wavers = but(utilisation=0.01, power_watts=75.0)
    works = but(utilisation=0.9, power_watts=600.0)

    calm, wavering, busy = (in_pods((1, seen(one))).status for one in (idle, wavers, works))

    assert difference(calm, wavering) is Difference.NONE
    assert difference(calm, busy) is Difference.FIGURES
