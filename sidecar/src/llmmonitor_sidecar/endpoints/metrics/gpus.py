"""The GPUs that the sidecar sees, or a DCGM exporter tells it of, by uuid; `ours` are those of the pod."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import Metric

from llmmonitor_api.report.gpus import GPU, GPUs
from llmmonitor_sidecar.endpoints.metrics.labels import label
from llmmonitor_sidecar.endpoints.metrics.shapes import Labels, Samples, counter, gauge, one

_GPU = "llm_monitor_gpu"


def families(gpus: GPUs, energy_millijoules: int) -> Iterator[Metric]:
    """Every family about GPUs; figures only while the driver answers."""
    yield gauge(
        f"{_GPU}s_visible",
        "1 while the GPUs' driver, or a DCGM exporter in its place, answers the sidecar.",
        one(gpus.visible),
    )
    yield gauge(
        f"{_GPU}s_source_info",
        "1 for who measures the GPUs: NVML or DCGM; absent while nobody does.",
        [({"source": label(gpus.source)}, 1)] if gpus.visible else (),
    )
    yield gauge(
        f"{_GPU}s_sample_age_seconds",
        "Age of the figures about GPUs.",
        one(gpus.sampled_age_seconds),
        "seconds",
    )
    yield gauge(
        f"{_GPU}s_driver_silent_seconds",
        "How long a call to the driver has not come back; absent while it does.",
        one(gpus.silent_seconds),
        "seconds",
    )
    yield counter(
        f"{_GPU}s_energy_joules",
        "Energy that the pod's GPUs took since the sidecar looks; not of partitioned ones.",
        one(energy_millijoules * 1e-3),
        "joules",
    )
    devices = gpus.devices if gpus.visible else ()
    yield gauge(
        f"{_GPU}_info",
        "1 for each GPU; ours is true for those that are the pod's.",
        (({**_of(gpu), "product": label(gpu.name), "ours": str(gpu.ours).lower()}, 1) for gpu in devices),
    )
    yield from _load(devices)
    yield from _health(devices)
    yield from _instances(devices)


def _load(devices: tuple[GPU, ...]) -> Iterator[Metric]:
    yield gauge(
        f"{_GPU}_utilisation_ratio",
        "Share of time in which any kernel ran: not how busy the GPU is. Absent where it is partitioned.",
        _each(devices, lambda gpu: gpu.utilisation),
        "ratio",
    )
    for name, text, figure in (
        ("used", "Memory in use.", lambda gpu: gpu.memory_used_bytes),
        ("total", "Memory there is.", lambda gpu: gpu.memory_total_bytes),
        ("model", "Memory that the model's processes have.", lambda gpu: gpu.model_memory_bytes),
    ):
        yield gauge(f"{_GPU}_memory_{name}_bytes", text, _each(devices, figure), "bytes")
    yield gauge(f"{_GPU}_power_watts", "Power drawn.", _each(devices, lambda gpu: gpu.power_watts), "watts")
    yield counter(
        f"{_GPU}_energy_joules",
        "Energy taken since the sidecar looks: the GPU's own counter, or power over time where it has none.",
        _each(devices, lambda gpu: gpu.energy_joules),
        "joules",
    )
    yield gauge(
        f"{_GPU}_temperature_celsius",
        "Temperature of the GPU.",
        _each(devices, lambda gpu: gpu.temperature_celsius),
        "celsius",
    )


def _health(devices: tuple[GPU, ...]) -> Iterator[Metric]:
    yield gauge(
        f"{_GPU}_lost",
        "1 if it no longer answers: fallen off the bus, or in need of a reset.",
        _each(devices, lambda gpu: float(gpu.lost)),
    )
    yield gauge(
        f"{_GPU}_slowdown_ratio",
        "Share of the last minute's samples in which clocks were held down, by why.",
        (
            ({**_of(gpu), "why": label(why)}, share)
            for gpu in devices
            for why, share in sorted((gpu.slowdowns or {}).items())
        ),
        "ratio",
    )
    yield counter(
        f"{_GPU}_xids",
        "Errors that the driver reported, by number (XID) and what it speaks of.",
        (
            ({**_of(gpu), "xid": str(xid.number), "kind": label(xid.kind)}, xid.count)
            for gpu in devices
            for xid in gpu.xids
        ),
    )
    yield gauge(
        f"{_GPU}_ecc_errors",
        "Memory errors since the driver was loaded.",
        (
            ({**_of(gpu), "corrected": corrected}, count)
            for gpu in devices
            for corrected, count in (("true", gpu.ecc_corrected), ("false", gpu.ecc_uncorrected))
            if count is not None
        ),
    )
    yield gauge(
        f"{_GPU}_memory_repair_pending",
        "1 if a retired page or remapped row waits for a reset.",
        _each(devices, lambda gpu: gpu.repair_pending),
    )
    yield gauge(
        f"{_GPU}_memory_repair_failed",
        "1 if a row could not be remapped.",
        _each(devices, lambda gpu: gpu.repair_failed),
    )


def _instances(devices: tuple[GPU, ...]) -> Iterator[Metric]:
    parts = [
        ({**_of(gpu), "instance": label(part.uuid), "ours": str(part.ours).lower()}, part)
        for gpu in devices
        for part in gpu.instances
    ]
    yield gauge(
        f"{_GPU}_instance_memory_used_bytes",
        "Memory in use of an instance of a partitioned GPU.",
        [(labels, part.memory_used_bytes) for labels, part in parts if part.memory_used_bytes is not None],
        "bytes",
    )
    yield gauge(
        f"{_GPU}_instance_memory_total_bytes",
        "Memory of the instance.",
        [(labels, part.memory_total_bytes) for labels, part in parts if part.memory_total_bytes is not None],
        "bytes",
    )
    yield gauge(
        f"{_GPU}_instance_utilisation_ratio",
        "Share of time in which the instance's engine was active; by DCGM's profiling fields alone.",
        [(labels, part.utilisation) for labels, part in parts if part.utilisation is not None],
        "ratio",
    )


def _of(gpu: GPU) -> Labels:
    return {"gpu": label(gpu.uuid)}


def _each(devices: tuple[GPU, ...], figure: Callable[[GPU], float | None]) -> Samples:
    return [(_of(gpu), value) for gpu in devices if (value := figure(gpu)) is not None]
