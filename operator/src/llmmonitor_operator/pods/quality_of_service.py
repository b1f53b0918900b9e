"""The pod's QoS class, computed as the API server computes it: `status` has none when a pod is created.

After ComputePodQOS (pkg/apis/core/v1/helper/qos/qos.go, 1.34) and the defaults that come before it: a limit
without a request is the request too. Init containers count, ephemeral ones do not; resources of the whole pod
(KEP-2837) decide alone where they are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal, TypeAlias

from llmmonitor_api.quantities import parse_quantity
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.containers import every_container

QualityOfService: TypeAlias = Literal["BestEffort", "Burstable", "Guaranteed"]
_RESOURCES = ("cpu", "memory")


def qos(pod: Raw) -> QualityOfService:
    """The class that the API server gives this pod."""
    whole = pod_level(pod)
    scopes = [one.get("resources") or {} for one in every_container(pod)] if whole is None else [whole]
    requests, limits = _total(map(requests_of, scopes)), _total(map(limits_of, scopes))
    if not requests and not limits:
        return "BestEffort"
    everywhere = all(limits_of(scope).keys() >= set(_RESOURCES) for scope in scopes)
    return "Guaranteed" if everywhere and requests == limits else "Burstable"


def pod_level(pod: Raw) -> Raw | None:
    """`spec.resources`, where they are given."""
    resources = pod.get("spec", {}).get("resources") or {}
    return resources if resources.get("requests") or resources.get("limits") else None


def limits_of(resources: Raw) -> dict[str, Decimal]:
    """CPU and memory limits above zero."""
    return {name: value for name, value in _given(resources, "limits").items() if value > 0}


def requests_of(resources: Raw) -> dict[str, Decimal]:
    """CPU and memory requests above zero; a limit stands for a request that is left out."""
    found = _given(resources, "limits") | _given(resources, "requests")
    return {name: value for name, value in found.items() if value > 0}


def _given(resources: Raw, kind: str) -> dict[str, Decimal]:
    given: Mapping[str, object] = resources.get(kind) or {}
    return {name: parse_quantity(str(given[name])) for name in _RESOURCES if name in given}


def _total(parts: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, Decimal(0)) + value
    return total
