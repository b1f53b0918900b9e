"""GPUs as sidecars report them: one that is well, and what may be otherwise with it."""

from __future__ import annotations

from typing import Any

import msgspec

from llmmonitor_api.report.gpus import GPU, GPUs, MIGInstance

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


def but(**changes: Any) -> GPU:
    return msgspec.structs.replace(WELL, **changes)


PARTED = but(
    utilisation=None,
    partitioned=True,
    instances=(
        MIGInstance("MIG-a", ours=True, memory_used_bytes=GIB, memory_total_bytes=10 * GIB),
        MIGInstance("MIG-b", memory_used_bytes=9 * GIB, memory_total_bytes=10 * GIB),
    ),
)


def seen(*devices: GPU, **changes: Any) -> GPUs:
    found = GPUs(visible=True, source="NVML", told_by="processes", devices=devices)
    return msgspec.structs.replace(found, **changes)


def exported(*devices: GPU, **changes: Any) -> GPUs:
    return seen(*devices, source="DCGM", told_by="labels", reason=NO_LIBRARY, **changes)


def silent(seconds: float, *devices: GPU) -> GPUs:
    words = f"the driver has not answered for {seconds:.0f} s; it is asked again once it does"
    return seen(*devices, visible=False, reason=words, silent_seconds=seconds)
