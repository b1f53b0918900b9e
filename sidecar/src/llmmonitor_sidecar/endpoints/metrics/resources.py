"""The model's process tree and cgroup, and what the sidecar itself takes."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric

from llmmonitor_api.report.report import Resources
from llmmonitor_sidecar.endpoints.metrics.labels import label
from llmmonitor_sidecar.endpoints.metrics.shapes import counter, gauge, one

_MODEL = "llm_monitor_model"
_SIDECAR = "llm_monitor_sidecar"


def families(resources: Resources) -> Iterator[Metric]:
    """Every family about processes; those of the model only while they are visible."""
    yield gauge(
        f"{_MODEL}_processes_visible",
        "1 while the model's processes can be seen.",
        one(resources.processes_visible),
    )
    yield gauge(
        f"{_MODEL}_sample_age_seconds",
        "Age of the figures about the model's processes.",
        one(resources.sampled_age_seconds),
        "seconds",
    )
    if resources.processes_visible:
        yield from _tree(resources)
    yield from _cgroup(resources)
    yield from _pressure(resources)
    yield from _traffic(resources)
    yield gauge(
        f"{_SIDECAR}_resident_memory_bytes",
        "Resident memory of the sidecar's processes.",
        one(resources.sidecar_rss_bytes),
        "bytes",
    )
    yield counter(
        f"{_SIDECAR}_cpu_seconds",
        "CPU time of the sidecar's processes.",
        one(resources.sidecar_cpu_seconds),
        "seconds",
    )


def _tree(resources: Resources) -> Iterator[Metric]:
    yield gauge(f"{_MODEL}_processes", "Processes of the model's tree.", one(resources.processes))
    yield gauge(f"{_MODEL}_threads", "Their threads.", one(resources.threads))
    yield gauge(f"{_MODEL}_open_files", "Their open file descriptors.", one(resources.open_files))
    yield counter(
        f"{_MODEL}_cpu_seconds",
        "Their CPU time, exited children included.",
        one(resources.cpu_seconds),
        "seconds",
    )
    yield gauge(f"{_MODEL}_cpu_cores_used", "Cores used over the last minute.", one(resources.cpu_cores_used))
    yield gauge(
        f"{_MODEL}_resident_memory_bytes", "Their resident memory.", one(resources.rss_bytes), "bytes"
    )


def _cgroup(resources: Resources) -> Iterator[Metric]:
    yield gauge(f"{_MODEL}_cpu_limit_cores", "CPU limit; absent without one.", one(resources.cpu_limit_cores))
    yield gauge(
        f"{_MODEL}_cpu_throttled_ratio",
        "Share of CFS periods throttled over the last minute.",
        one(resources.cpu_throttled_share),
        "ratio",
    )
    yield gauge(
        f"{_MODEL}_cpu_at_limit_ratio",
        "Where that cannot be read: share of the last minute at its CPU limit with threads waiting.",
        one(resources.cpu_at_limit_share),
        "ratio",
    )
    yield gauge(
        f"{_MODEL}_memory_used_bytes",
        "Memory that the limit applies to.",
        one(resources.memory_used_bytes),
        "bytes",
    )
    yield gauge(
        f"{_MODEL}_memory_limit_bytes",
        "Memory limit; absent without one.",
        one(resources.memory_limit_bytes),
        "bytes",
    )
    yield gauge(
        f"{_MODEL}_memory_held_bytes",
        "What of it the kernel cannot take back: without the pages of files.",
        one(resources.memory_held_bytes),
        "bytes",
    )
    yield gauge(
        f"{_MODEL}_memory_growth_bytes_per_second",
        "How fast that grows: mean and 95 % interval (`bound`) over the last `samples` samples.",
        (
            ({"samples": str(trend.samples), "bound": bound}, figure)
            for trend in resources.memory_trends
            for bound, figure in (("mean", trend.bytes_per_second), ("low", trend.low), ("high", trend.high))
        ),
    )
    yield counter(f"{_MODEL}_oom_kills", "Kills for want of memory.", one(resources.oom_kills))


def _pressure(resources: Resources) -> Iterator[Metric]:
    known = sorted(resources.pressure.items())
    yield gauge(
        "llm_monitor_pressure_ratio",
        "Share of the last 10 s or 60 s in which some or all (full) waited for a resource; of model or node.",
        (
            ({"resource": label(name), "of": label(stall.of), "stalled": stalled, "window": window}, share)
            for name, stall in known
            for stalled, window, share in (
                ("some", "10s", stall.some_10s),
                ("some", "60s", stall.some_60s),
                ("full", "10s", stall.full_10s),
                ("full", "60s", stall.full_60s),
            )
        ),
        "ratio",
    )
    yield counter(
        "llm_monitor_pressure_stalled_seconds",
        "Time in which some or all (full) waited for a resource; of model or node.",
        (
            ({"resource": label(name), "of": label(stall.of), "stalled": stalled}, seconds)
            for name, stall in known
            for stalled, seconds in (("some", stall.some_seconds), ("full", stall.full_seconds))
        ),
        "seconds",
    )


def _traffic(resources: Resources) -> Iterator[Metric]:
    network, disk = resources.network, resources.disk
    yield counter(
        "llm_monitor_pod_network_bytes",
        "Bytes on the pod's interfaces but the loopback, by direction.",
        (
            ({"direction": direction}, count)
            for direction, count in (
                (("received", network.received_bytes), ("sent", network.sent_bytes)) if network else ()
            )
        ),
        "bytes",
    )
    yield counter(
        "llm_monitor_pod_network_dropped_packets",
        "Packets dropped there, in both directions.",
        one(network.dropped_packets if network else None),
    )
    yield counter("llm_monitor_pod_network_errors", "Errors there.", one(network.errors if network else None))
    yield counter(
        f"{_MODEL}_disk_bytes",
        "Bytes of the model's cgroup from and to disks, by direction.",
        (
            ({"direction": direction}, count)
            for direction, count in (
                (("read", disk.read_bytes), ("written", disk.written_bytes)) if disk else ()
            )
        ),
        "bytes",
    )
