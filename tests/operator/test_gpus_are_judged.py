from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from llmmonitor_api.report.gpus import GPU, XID, GPUs, MIGInstance
from llmmonitor_operator import checkpoint
from llmmonitor_operator.evaluate import Environment, ExpectedPod
from llmmonitor_operator.reconcile.publish.status_difference import Difference, difference

Make = Callable[..., Any]
Said = Callable[[Any, str], tuple[str, str, str]]

GIB = 1 << 30
WELL = GPU(
    "GPU-0",
    ours=True,
    utilisation=0.5,
    memory_used_bytes=70 * GIB,
    memory_total_bytes=80 * GIB,
    power_watts=400.0,
    slowdowns={},
    slowdown_samples=60,
    xids_seen=True,
)
NO_LIBRARY = "libnvidia-ml.so.1 not found: cannot open shared object file: No such file or directory"
WAY_OUT = (
    "they see it by the chart's sidecar.nvidiaDevices=All, on nodes with NVIDIA's container runtime; a DCGM"
    " exporter measures them in its place by the chart's sidecar.dcgmExporter"
)
BY_NAME = "told from others by the pods that the exporter names"
NOBODY = "sidecars see no driver, and no DCGM exporter measures them"
NOT_THERE = "GET http://10.0.0.7:9400/metrics: no answer within 2.0 s"
SILENT = "the driver has not answered for 12 s; it is asked again once it does"
NOT_TOLD = "8 GPUs visible, 2 requested, and which are its own cannot be told"
NEVER_ASKED = "its sidecar has not asked the driver: it has just started, or is of an older version"


def but(**changes: Any) -> GPU:
    return msgspec.structs.replace(WELL, **changes)


def seen(*devices: GPU, **changes: Any) -> GPUs:
    found = GPUs(visible=True, source="NVML", told_by="processes", devices=devices)
    return msgspec.structs.replace(found, **changes)


def hidden(reason: str = NO_LIBRARY) -> GPUs:
    return GPUs(visible=False, reason=reason)


def without_exporter() -> GPUs:
    return GPUs(visible=False, reason=NO_LIBRARY, exporter_error=NOT_THERE)


def exported(*devices: GPU, **changes: Any) -> GPUs:
    return seen(*devices, source="DCGM", told_by="labels", reason=NO_LIBRARY, **changes)


def silent(seconds: float, *devices: GPU) -> GPUs:
    words = f"the driver has not answered for {seconds:.0f} s; it is asked again once it does"
    return seen(*devices, visible=False, reason=words, silent_seconds=seconds)


@pytest.fixture
def in_pods(watch: Make) -> Callable[..., Any]:
    """The evaluation of pods that request so many GPUs each and report these."""

    def evaluate(*pods: tuple[int, GPUs | None], later: float = 0.0) -> Any:
        one = watch()
        replicas = []
        for number, (_, found) in enumerate(pods):
            replica = one.replica(number)
            replica.gpus = found
            replicas.append(replica)
        expected = tuple(
            ExpectedPod(f"uid-{number}", f"chat-{number}", 0.0, gpus_requested=requested)
            for number, (requested, _) in enumerate(pods)
        )
        one.environment = Environment(cluster=True, pods=expected)
        evaluation = one.gather(replicas)
        if later:
            one.now += later
            evaluation = one.judge()
        return evaluation

    return evaluate


EIGHT = seen(*(but(uuid=f"GPU-{n}", index=n) for n in range(8)), told_by="number")
PARTED = but(
    utilisation=None,
    partitioned=True,
    instances=(
        MIGInstance("MIG-a", ours=True, memory_used_bytes=GIB, memory_total_bytes=10 * GIB),
        MIGInstance("MIG-b", memory_used_bytes=9 * GIB, memory_total_bytes=10 * GIB),
    ),
)


@pytest.mark.parametrize(
    ("pods", "verdict"),
    [
        ([(0, None)], ("Unknown", "NoGPURequested", "no matching pod requests a GPU")),
        ([(8, EIGHT)], ("True", "AllGPUsMeasured", "8 GPUs measured by NVML (as many as are requested)")),
        (
            [(1, seen(WELL)), (0, None), (1, seen(WELL))],
            (
                "True",
                "AllGPUsMeasured",
                "2 GPUs measured by NVML (told from others by the model's processes)",
            ),
        ),
        (
            [(1, seen(PARTED))],
            (
                "True",
                "AllGPUsMeasured",
                "1 GPU measured by NVML (told from others by the model's processes)",
            ),
        ),
        (
            [(2, hidden())],
            (
                "False",
                "DriverNotVisible",
                f"2 GPUs requested, sidecars see no driver: chat-0: {NO_LIBRARY}; {WAY_OUT}",
            ),
        ),
        (
            [(1, exported(WELL))],
            (
                "True",
                "AllGPUsMeasured",
                f"1 GPU measured by DCGM ({BY_NAME})",
            ),
        ),
        (
            [(1, exported(WELL)), (1, seen(WELL))],
            (
                "True",
                "AllGPUsMeasured",
                f"2 GPUs measured by NVML and DCGM ({BY_NAME}, told from others by the model's processes)",
            ),
        ),
        (
            [(2, without_exporter())],
            (
                "False",
                "NoExporter",
                f"2 GPUs requested, {NOBODY}: chat-0: {NO_LIBRARY}; DCGM exporter: {NOT_THERE}",
            ),
        ),
        (
            [(1, without_exporter()), (1, exported(WELL))],
            (
                "False",
                "NotAllGPUsMeasured",
                f"1 of 2 GPUs measured: chat-0: {NO_LIBRARY}; DCGM exporter: {NOT_THERE}",
            ),
        ),
        (
            [(1, exported(but(memory_total_bytes=None, problem="not exported: memory")))],
            (
                "False",
                "NotAllGPUsMeasured",
                "0 of 1 GPU measured: chat-0: 0 of 1: GPU 0 (not exported: memory)",
            ),
        ),
        (
            [(1, hidden()), (1, seen(WELL))],
            (
                "False",
                "NotAllGPUsMeasured",
                f"1 of 2 GPUs measured: chat-0: {NO_LIBRARY}",
            ),
        ),
        (
            [(1, silent(12, WELL))],
            (
                "False",
                "NotAllGPUsMeasured",
                f"0 of 1 GPU measured: chat-0: {SILENT}",
            ),
        ),
        (
            [(2, seen(WELL, but(uuid="GPU-1", index=1, lost=True)))],
            (
                "False",
                "NotAllGPUsMeasured",
                "1 of 2 GPUs measured: chat-0: 1 of 2: GPU 1 lost",
            ),
        ),
        (
            [(2, seen(*(but(uuid=f"GPU-{n}", ours=False) for n in range(8)), told_by=""))],
            (
                "False",
                "NotAllGPUsMeasured",
                f"0 of 2 GPUs measured: chat-0: {NOT_TOLD}",
            ),
        ),
        (
            [(2, seen(WELL, but(uuid="GPU-1", ours=False)))],
            (
                "False",
                "NotAllGPUsMeasured",
                "1 of 2 GPUs measured: chat-0: 1 of 2",
            ),
        ),
        (
            [(1, None)],
            (
                "Unknown",
                "NotVisible",
                f"0 of 1 GPU measured: chat-0: {NEVER_ASKED}",
            ),
        ),
        (
            [(1, seen(but(memory_total_bytes=None)))],
            (
                "False",
                "NotAllGPUsMeasured",
                "0 of 1 GPU measured: chat-0: 0 of 1",
            ),
        ),
        (
            [(0, seen(WELL))],  # by a resource claim
            (
                "True",
                "AllGPUsMeasured",
                "1 GPU that models use and no pod requests measured by NVML",
            ),
        ),
        ([(0, seen(WELL, told_by="sight"))], ("Unknown", "NoGPURequested", "no matching pod requests a GPU")),
    ],
)
def test_every_requested_gpu_is_measured_or_it_is_said_why_not(
    in_pods: Make, said: Said, pods: list[tuple[int, GPUs | None]], verdict: tuple[str, str, str]
) -> None:
    assert said(in_pods(*pods), "GPUVisible") == verdict


def test_a_pod_without_a_fresh_report_is_not_measured(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica(0)
    replica.gpus = seen(WELL)
    pods = tuple(ExpectedPod(f"uid-{n}", f"chat-{n}", 0.0, gpus_requested=1) for n in range(2))
    one.environment = Environment(cluster=True, pods=pods)

    before, after = said(one.judge(), "GPUVisible"), said(one.gather([replica]), "GPUVisible")

    assert before[:2] == ("Unknown", "NoReports")
    assert after == ("False", "NotAllGPUsMeasured", "1 of 2 GPUs measured: chat-1: no fresh report")


def test_without_a_cluster_what_is_seen_is_measured_and_judged(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.gpus = seen(WELL, but(uuid="GPU-1", xids=(XID(79, "hardware", 1, 5.0),)), told_by="sight")

    result = one.gather([replica])

    message = "without a cluster no GPU is requested; 2 GPUs measured by NVML"
    assert said(result, "GPUVisible") == ("Unknown", "NotApplicable", message)
    assert said(result, "ResourcesHealthy")[:2] == ("False", "GPUErrors")


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


def test_energy_per_token_is_of_pods_that_measure_it(watch: Make) -> None:
    one = watch()
    measuring, blind = one.replica(0), one.replica(1)
    for _ in range(2):
        for replica in (measuring, blind):
            replica.serve(10)  # 100 tokens each
        measuring.totals.gpu_energy_millijoules += 400_000
        evaluation = one.gather([measuring, blind], 15)

    performance = evaluation.status["performance"]

    assert (performance["energyPerTokenJoules"], performance["energyTokens"]) == (0.4, 2000)


def test_energy_that_an_older_operator_did_not_count_is_not_charged_to_the_next_tokens(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(10)
    one.gather([replica], 15)
    replica.serve(10)
    replica.totals.gpu_energy_millijoules = 10**9  # of days, as the first operator sees it that counts energy
    first = one.gather([replica], 15).status["performance"]
    replica.serve(10)
    replica.totals.gpu_energy_millijoules += 250_000

    second = one.gather([replica], 15).status["performance"]

    assert "energyPerTokenJoules" not in first
    assert (second["energyPerTokenJoules"], second["energyTokens"]) == (0.25, 1000)


def test_energy_per_token_is_not_told_where_tokens_are_lower_bounds(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(10)
    replica.totals.gpu_energy_millijoules = 400_000
    [series] = replica.totals.traffic.values()
    series.completion_tokens_counted = 60

    assert "energyPerTokenJoules" not in one.gather([replica], 15).status["performance"]


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
