"""What a pod asks for, as the scheduler, quotas and limit ranges add it up.

Source: `component-helpers/resource` of Kubernetes and KEP-753 (native sidecars): a pod's effective request is
the greater of (all containers + all native sidecars) and, for each init container, (itself + the native
sidecars before it). Pod-level resources (KEP-2837) stand in for the sum where they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.preflight.resource_list import (
    ResourceList,
    UnreadableQuantity,
    added,
    greatest,
    read,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One container's requests and limits."""

    name: str
    requests: ResourceList
    limits: ResourceList
    native_sidecar: bool = False


@dataclass(frozen=True, slots=True)
class Demand:
    """A pod's requests and limits, container by container."""

    containers: tuple[Asked, ...]
    init_containers: tuple[Asked, ...]
    pod_requests: ResourceList
    pod_limits: ResourceList
    overhead: ResourceList

    @property
    def pod_level(self) -> bool:
        """Whether the pod itself has requests or limits."""
        return bool(self.pod_requests or self.pod_limits)

    @property
    def best_effort(self) -> bool:
        """Whether nobody asks for any CPU or memory: the QoS class BestEffort."""
        lists = [self.pod_requests, self.pod_limits]
        if not self.pod_level:
            for one in (*self.containers, *self.init_containers):
                lists += [one.requests, one.limits]
        return not any(asked.get(name) for asked in lists for name in ("cpu", "memory"))

    def summed_requests(self) -> dict[str, Decimal]:
        """Over the containers alone."""
        return self._sum(lambda one: one.requests)

    def requests(self) -> dict[str, Decimal]:
        """The pod's, without overhead: pod-level ones where given, else the containers' sum."""
        return {**self.summed_requests(), **self.pod_requests}

    def limits(self) -> dict[str, Decimal]:
        """The pod's, without overhead: pod-level ones where given, else the containers' sum."""
        return {**self._sum(lambda one: one.limits), **self.pod_limits}

    def _sum(self, of: Callable[[Asked], ResourceList]) -> dict[str, Decimal]:
        running: dict[str, Decimal] = {}
        for one in self.containers:
            running = added(running, of(one))
        sidecars: dict[str, Decimal] = {}
        starting: dict[str, Decimal] = {}
        for one in self.init_containers:
            if one.native_sidecar:
                running = added(running, of(one))
                sidecars = added(sidecars, of(one))
                starting = greatest(starting, sidecars)
            else:
                starting = greatest(starting, added(of(one), sidecars))
        return greatest(running, starting)


def demand(pod: Raw, sidecar: Raw | None = None) -> Demand:
    """What `pod` asks for, with our native sidecar put first among its init containers.

    Args:
        pod: as the API server gives it.
        sidecar: our container, if it is not in the pod yet.

    Raises:
        UnreadableQuantity: for what no API server would have let pass.
    """
    spec = _mapping(pod.get("spec"))
    ours = [sidecar] if sidecar is not None else []
    whole = _mapping(spec.get("resources"))
    return Demand(
        containers=tuple(_asked(one) for one in _list(spec.get("containers"))),
        init_containers=tuple(_asked(one) for one in [*ours, *_list(spec.get("initContainers"))]),
        pod_requests=read(whole.get("requests")),
        pod_limits=read(whole.get("limits")),
        overhead=read(spec.get("overhead")),
    )


def _asked(container: object) -> Asked:
    given = _mapping(container)
    resources = _mapping(given.get("resources"))
    limits = read(resources.get("limits"))
    return Asked(
        name=str(given.get("name", "")),
        # The API server fills in a missing request by the limit.
        requests={**limits, **read(resources.get("requests"))},
        limits=limits,
        native_sidecar=given.get("restartPolicy") == "Always",
    )


def _mapping(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UnreadableQuantity(f"{value!r} stands where an object should")
    return value


def _list(value: object) -> Iterable[object]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise UnreadableQuantity(f"{value!r} stands where a list should")
    return value
