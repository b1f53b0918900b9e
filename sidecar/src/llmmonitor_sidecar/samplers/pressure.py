"""Pressure stall information: the share of time in which processes waited for CPU, memory or I/O.

Of the model's cgroup where it can be read (version 2), else of the whole node, and it is said of which: from
another container only the node's is there. Kernel documentation: accounting/psi.
"""

from __future__ import annotations

from pathlib import Path

from llmmonitor_api.report.report import Pressure
from llmmonitor_sidecar.samplers.cgroups import Cgroup, text_of

RESOURCES = ("cpu", "memory", "io")
_PERCENT = 0.01
_MICRO = 1e-6


def read(cgroup: Cgroup, root: Path = Path("/")) -> dict[str, Pressure]:
    """By resource; nothing of what this kernel does not tell (CONFIG_PSI, `psi=1`)."""
    own = cgroup.memory[0] if cgroup.memory and cgroup.memory_version == 2 else None  # noqa: PLR2004 - cgroup v2
    found = {}
    for resource in RESOURCES:
        pressure = _parsed(text_of(own / f"{resource}.pressure"), "model") if own else None
        pressure = pressure or _parsed(text_of(root / "proc/pressure" / resource), "node")
        if pressure is not None:
            found[resource] = pressure
    return found


def _parsed(text: str, of: str) -> Pressure | None:
    lines = {}
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        fields = rest.split()
        try:
            lines[kind] = {name: float(value) for name, _, value in (one.partition("=") for one in fields)}
        except ValueError:
            return None
    some, full = lines.get("some", {}), lines.get("full", {})
    if not some:
        return None
    return Pressure(
        of=of,
        some_10s=_share(some, "avg10"),
        some_60s=_share(some, "avg60"),
        full_10s=_share(full, "avg10"),
        full_60s=_share(full, "avg60"),
        some_seconds=some.get("total", 0.0) * _MICRO,
        full_seconds=full.get("total", 0.0) * _MICRO,
    )


def _share(line: dict[str, float], name: str) -> float:
    return min(1.0, max(0.0, line.get(name, 0.0) * _PERCENT))
