"""How much memory a pod uses that has no sidecar yet: as metrics-server knows it, where there is one.

Asked only when it decides something: the pod's limit leaves room for an attached sidecar or not, and its
requests alone say no.
"""

from __future__ import annotations

from llmmonitor_api.quantities import parse_quantity
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.state import State


def reported(state: State, pod: Raw) -> float | None:
    """By the pod's model, in bytes, as its own sidecar reported it last."""
    known = state.pods.get(pod["metadata"]["uid"])
    if known is None or known.newest is None or known.newest.resources is None:
        return None
    return known.newest.resources.memory_used_bytes


async def measured(kube: Kube, pod: Raw) -> float | None:
    """By all of the pod's containers, in bytes; None where nobody measures."""
    metadata = pod["metadata"]
    try:
        metrics = await kube.get(paths.pod_metrics(metadata["namespace"], metadata["name"]))
    except ApiError:
        return None
    return sum_of(metrics)


def sum_of(metrics: Raw) -> float | None:
    """Of a PodMetrics object; None if it has no container."""
    used = [(one.get("usage") or {}).get("memory") for one in metrics.get("containers") or ()]
    found = [float(parse_quantity(str(one))) for one in used if one]
    return sum(found) if found else None
