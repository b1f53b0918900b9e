"""Bytes of the pod's network and of the model's disks: cumulative, as the kernel counts them.

A pod's containers share one network, so that the sidecar's interfaces are the model's; the loopback, on which
the relay talks to the model, is left out. Disks are counted by cgroup, which another container cannot read.
"""

from __future__ import annotations

from collections.abc import Iterable

import psutil

from llmmonitor_api.report.report import Disk, Network
from llmmonitor_sidecar.samplers.cgroups import Cgroup, text_of

_LOOPBACK = "lo"


def network() -> Network | None:
    """Of every interface but the loopback together; None where there is none."""
    interfaces = [counts for name, counts in psutil.net_io_counters(pernic=True).items() if name != _LOOPBACK]
    if not interfaces:
        return None
    return Network(
        received_bytes=sum(one.bytes_recv for one in interfaces),
        sent_bytes=sum(one.bytes_sent for one in interfaces),
        dropped_packets=sum(one.dropin + one.dropout for one in interfaces),
        errors=sum(one.errin + one.errout for one in interfaces),
    )


def disk(cgroup: Cgroup) -> Disk | None:
    """Of all devices together; None where the cgroup's files cannot be read."""
    if not cgroup.io:
        return None
    if cgroup.io_version == 1:
        text = text_of(cgroup.io[0] / "blkio.throttle.io_service_bytes_recursive")
        return _disk([tuple(line.split()[1:3]) for line in text.splitlines()], "Read", "Write")
    pairs = [
        tuple(field.split("=", 1))
        for line in text_of(cgroup.io[0] / "io.stat").splitlines()
        for field in line.split()[1:]
    ]
    return _disk(pairs, "rbytes", "wbytes")


def _disk(pairs: Iterable[tuple[str, ...]], read: str, written: str) -> Disk | None:
    sums: dict[str, int] = {}
    for pair in pairs:
        if len(pair) == 2 and pair[1].isdecimal():  # noqa: PLR2004 - a pair
            sums[pair[0]] = sums.get(pair[0], 0) + int(pair[1])
    if read not in sums and written not in sums:
        return None
    return Disk(read_bytes=sums.get(read, 0), written_bytes=sums.get(written, 0))
