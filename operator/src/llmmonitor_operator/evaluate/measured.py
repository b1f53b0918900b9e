"""What a container uses where its sidecar cannot see the processes: as metrics-server measured it.

Older and coarser than a sidecar's own samples, so that it only stands in for them, and is said to.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from llmmonitor_operator.state import Source

OLD_SECONDS = 120.0
"""metrics-server measures every 15 s by default, and keeps the last figure of a node that does not answer."""
SOURCE = "by metrics-server"


@dataclass(frozen=True, slots=True)
class Measured:
    """One container."""

    at: float
    """Unix seconds."""
    memory_used_bytes: int | None
    """Its working set."""
    cpu_cores_used: float | None
    memory_limit_bytes: int | None = None
    cpu_limit_cores: float | None = None


def is_needed(source: Source | None) -> bool:
    """Whether a pod reports, and cannot tell what the model uses."""
    return source is not None and (source.resources is None or not source.resources.processes_visible)


def filled_in(source: Source, measured: Measured | None, now: float) -> Source:
    """The report with what was measured in the place of what it does not know."""
    if measured is None or not is_needed(source) or source.resources is None:
        return source
    if now - measured.at > OLD_SECONDS:
        return source
    resources = msgspec.structs.replace(
        source.resources,
        memory_used_bytes=measured.memory_used_bytes,
        memory_limit_bytes=measured.memory_limit_bytes,
        cpu_cores_used=measured.cpu_cores_used,
        cpu_limit_cores=measured.cpu_limit_cores,
    )
    return msgspec.structs.replace(source, resources=resources)
