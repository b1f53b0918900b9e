from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.operator.reported_gpus import NO_LIBRARY, PARTED, WELL, but, exported, seen, silent

from llmmonitor_api.report.gpus import XID, GPUs
from llmmonitor_operator.evaluate import Environment, ExpectedPod

Make = Callable[..., Any]
Said = Callable[[Any, str], tuple[str, str, str]]
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


def hidden(reason: str = NO_LIBRARY) -> GPUs:
    return GPUs(visible=False, reason=reason)


def without_exporter() -> GPUs:
    return GPUs(visible=False, reason=NO_LIBRARY, exporter_error=NOT_THERE)


EIGHT = seen(*(but(uuid=f"GPU-{n}", index=n) for n in range(8)), told_by="number")


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
