"""When memory, CPU, GPU and KV cache count as unhealthy: `spec.resources`."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from llmmonitor_api.quantities import Percentage
from llmmonitor_api.spec.limits import share_above_zero
from llmmonitor_api.spec.model import SpecModel


class ProcessVisibility(StrEnum):
    """Whether the pod's processes are made visible to the sidecar."""

    AUTO = "Auto"
    SHARED = "Shared"
    NEVER = "Never"


class Resources(SpecModel):
    """Limits that ResourcesHealthy judges."""

    memory: Annotated[Percentage, share_above_zero()] = Decimal("0.90")
    """Memory used, as a share of the pod's limit (or the node's memory when it has none)."""
    kv_cache: Annotated[Percentage, share_above_zero()] = Decimal("0.95")
    """KV cache used, as a share of what the engine reserved."""
    cpu_throttled: Annotated[Percentage, share_above_zero()] = Decimal("0.25")
    """Scheduling periods in which the CPU limit stopped the pod, as a share of all."""
    processes: ProcessVisibility = ProcessVisibility.AUTO
    """Auto shares the pod's process namespace only for engines known to bear it; Shared always does;
    Never leaves process figures to other sources."""
