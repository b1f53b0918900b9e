"""What the native sidecar asks for, such that the pod keeps its QoS class.

The class decides who is killed first when a node runs short, and whether the model has CPUs of its own: it is
the owner's choice, not ours. An ephemeral container can have no resources at all.
"""

from __future__ import annotations

from decimal import Decimal

from llmmonitor_api.quantities import parse_quantity
from llmmonitor_operator.inject.plan import SidecarImage
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.containers import init_containers, is_native_sidecar, main_containers
from llmmonitor_operator.pods.quality_of_service import limits_of, pod_level, qos, requests_of

Resources = dict[str, dict[str, str]]


def resources_for(pod: Raw, sidecar: SidecarImage) -> Resources:
    """`resources` of the container; empty for none."""
    whole = pod_level(pod)
    if whole is not None:
        return _within(whole, pod, sidecar)
    match qos(pod):
        case "BestEffort":
            return {}
        case "Guaranteed":
            same = {"cpu": sidecar.guaranteed_cpu, "memory": sidecar.memory_limit}
            return {"limits": dict(same), "requests": dict(same)}
        case "Burstable":
            return {
                "limits": {"memory": sidecar.memory_limit},
                "requests": {"cpu": sidecar.cpu_request, "memory": sidecar.memory_request},
            }


def _within(whole: Raw, pod: Raw, sidecar: SidecarImage) -> Resources:
    """Resources of a pod that has them as a whole, where containers may together ask for no more than it.

    The pod's class is decided without us. What no longer fits is asked for as 0: a limit alone would be taken
    for a request.
    """
    wanted = {"cpu": sidecar.cpu_request, "memory": sidecar.memory_request}
    requests = {
        name: quantity if parse_quantity(quantity) <= _left(whole, pod, name) else "0"
        for name, quantity in wanted.items()
    }
    highest = limits_of(whole).get("memory")
    if highest is not None and parse_quantity(sidecar.memory_limit) > highest:
        return {"requests": requests}
    return {"limits": {"memory": sidecar.memory_limit}, "requests": requests}


def _left(whole: Raw, pod: Raw, name: str) -> Decimal:
    """What the pod's request leaves beside the most that its containers ask for at one time.

    An init container runs beside the native sidecars before it (KEP-753), and so beside ours.
    """
    sidecars, most = Decimal(0), Decimal(0)
    for container in init_containers(pod):
        asked = _request(container, name)
        most = max(most, sidecars + asked)
        if is_native_sidecar(container):
            sidecars += asked
    together = sum((_request(one, name) for one in main_containers(pod)), sidecars)
    return requests_of(whole).get(name, Decimal(0)) - max(most, together)


def _request(container: Raw, name: str) -> Decimal:
    return requests_of(container.get("resources") or {}).get(name, Decimal(0))
