"""Texts as a DCGM exporter renders them (internal/pkg/rendermetrics), one row a figure and pod."""

from __future__ import annotations

from pathlib import Path

from llmmonitor_sidecar.samplers.dcgm.exposition import Holder

RECORDED = (Path(__file__).parent / "gpu_operator_lke.txt").read_text(encoding="utf-8")
CUDA = Holder("default", "cuda-75454ffb9f-8ljq7")
CHAT = Holder("prod", "chat-0", "5e1f")
OTHER = Holder("prod", "other-1")
WELL = {
    "DCGM_FI_DEV_GPU_TEMP": 61.0,
    "DCGM_FI_DEV_POWER_USAGE": 312.5,
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": 5e9,
    "DCGM_FI_DEV_GPU_UTIL": 97.0,
    "DCGM_FI_DEV_XID_ERRORS": 0.0,
    "DCGM_FI_DEV_FB_FREE": 8000.0,
    "DCGM_FI_DEV_FB_USED": 73000.0,
    "DCGM_FI_DEV_FB_RESERVED": 559.0,
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": 0.9,
}
"""Of a GPU with 80 GB."""
MIG = {
    "DCGM_FI_DEV_XID_ERRORS": 0.0,
    "DCGM_FI_DEV_FB_FREE": 15000.0,
    "DCGM_FI_DEV_FB_USED": 4384.0,
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": 0.25,
}
"""Of a part of one, as far as there are figures of parts."""


def gpu(
    index: int = 0,
    *pods: Holder | None,
    part: tuple[str, str] | None = None,
    figures: dict[str, float] | None = None,
    labels: dict[str, str] | None = None,
) -> str:
    """The rows of one GPU, or with id and profile of a part; `None`: a pod's labels, empty; no pod: none."""
    own = {"gpu": str(index), "UUID": f"GPU-{index}", "device": f"nvidia{index}", "modelName": "NVIDIA H100"}
    if part is not None:
        own |= {"GPU_I_PROFILE": part[1], "GPU_I_ID": part[0]}
    own |= {"Hostname": "gpu-node-3", "DCGM_FI_DRIVER_VERSION": "580.95.05"} | (labels or {})
    if figures is None:
        figures = WELL if part is None else MIG
    every = [own | _of(pod) for pod in pods] or [own]
    return "".join(
        f"{field}{{{_written(one)}}} {figure!r}\n" for field, figure in figures.items() for one in every
    )


def _written(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in labels.items())


def _of(pod: Holder | None) -> dict[str, str]:
    if pod is None:
        return {"container": "", "namespace": "", "pod": ""}
    uid = {"pod_uid": pod.uid} if pod.uid else {}
    return {"container": "server", "namespace": pod.namespace, "pod": pod.name} | uid
