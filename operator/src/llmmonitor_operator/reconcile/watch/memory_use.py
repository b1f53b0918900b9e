"""How much memory a pod uses, as metrics-server knows it, where there is one.

Asked only when it decides something: a pod's limit leaves room for an attached sidecar or not, and its
requests alone say no; or its sidecar cannot see the model's processes. All pods of a namespace are asked for
at once, and what came, or that nothing did, holds for a while: an API that hangs holds up one pass in a
minute, not every pass once for each pod.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from llmmonitor_api.quantities import parse_quantity
from llmmonitor_operator.attach.lives import life_of
from llmmonitor_operator.evaluate.measured import Measured, is_needed
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.containers import long_running
from llmmonitor_operator.pods.quality_of_service import limits_of, pod_level
from llmmonitor_operator.preflight.demand import demand
from llmmonitor_operator.preflight.resource_list import UnreadableQuantity
from llmmonitor_operator.state import State

MEASURED_SECONDS = 15.0
"""As often as metrics-server measures."""
FAILED_SECONDS = 60.0
FRESH_SECONDS = 60.0
"""Of a report: what it says of memory may be another figure after a minute's traffic."""


def reported(state: State, pod: Raw, container: str, now: float) -> float | None:
    """By all of the pod together, in bytes, as far as its own sidecar tells; None where that is no news.

    A report knows the memory of the model alone: to it comes what the other containers request. It counts
    while it is fresh and of the model's present life: one that has just started has yet to load.

    Args:
        state: of the pod's monitor.
        pod: running.
        container: in which the model serves.
        now: Unix seconds.
    """
    known = state.pods.get(pod["metadata"]["uid"])
    newest = known.newest if known else None
    if newest is None or newest.resources is None or newest.resources.memory_used_bytes is None:
        return None
    model = life_of(pod, container)
    if not model.running or newest.at <= (model.started_at or 0.0) or now - newest.at > FRESH_SECONDS:
        return None
    try:
        wanted = demand(pod)
    except UnreadableQuantity:
        return None
    sidecars = [one for one in wanted.init_containers if one.native_sidecar]
    others = [one for one in (*wanted.containers, *sidecars) if one.name != container]
    return newest.resources.memory_used_bytes + float(sum(one.requests.get("memory", 0) for one in others))


@dataclass(slots=True)
class _Asked:
    """One namespace."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    until: float = 0.0
    """On the monotonic clock: how long `found` holds."""
    found: Mapping[str, Raw] = field(default_factory=dict)
    """PodMetrics by the pod's name."""


class MeasuredMemory:
    """What metrics-server says, a namespace at a time."""

    def __init__(self, kube: Kube, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._monotonic = monotonic
        self._asked: dict[str, _Asked] = {}

    async def of(self, pod: Raw) -> float | None:
        """By all of the pod's containers, in bytes; None where nobody measures."""
        metrics = await self._metrics(pod)
        return sum_of(metrics) if metrics is not None else None

    async def of_container(self, pod: Raw, container: str) -> Measured | None:
        """By the one that serves; None where nobody measures, or not yet."""
        metrics = await self._metrics(pod)
        return measured(metrics, pod, container) if metrics is not None else None

    async def of_hidden(self, models: Iterable[tuple[Raw, str]], state: State) -> dict[str, Measured]:
        """By pod UID, of those pods, each with its serving container, whose last report could not say."""
        found = {}
        for pod, container in models:
            uid = pod["metadata"]["uid"]
            known = state.pods.get(uid)
            if is_needed(known.newest if known else None):
                used = await self.of_container(pod, container)
                if used is not None:
                    found[uid] = used
        return found

    async def _metrics(self, pod: Raw) -> Raw | None:
        namespace = pod["metadata"]["namespace"]
        asked = self._asked.setdefault(namespace, _Asked())
        async with asked.turn:
            if self._monotonic() >= asked.until:
                asked.found, holds_seconds = await self._ask(namespace)
                asked.until = self._monotonic() + holds_seconds
        self._forget_old()
        return asked.found.get(pod["metadata"]["name"])

    async def _ask(self, namespace: str) -> tuple[dict[str, Raw], float]:
        try:
            found = (await self._kube.list(paths.pod_metrics(namespace))).items
        except ApiError:
            return {}, FAILED_SECONDS
        return {one["metadata"]["name"]: one for one in found}, MEASURED_SECONDS

    def _forget_old(self) -> None:
        now = self._monotonic()
        for namespace, asked in list(self._asked.items()):
            if now >= asked.until and not asked.turn.locked():
                del self._asked[namespace]


def sum_of(metrics: Raw) -> float | None:
    """Of a PodMetrics object; None if it has no container."""
    used = [(one.get("usage") or {}).get("memory") for one in metrics.get("containers") or ()]
    found = [float(parse_quantity(str(one))) for one in used if one]
    return sum(found) if found else None


def measured(metrics: Raw, pod: Raw, container: str) -> Measured | None:
    """One container of a PodMetrics object beside its limits; None if it is not in there, or not readable."""
    at = unix_seconds(metrics.get("timestamp"))
    found = next((one for one in metrics.get("containers") or () if one.get("name") == container), None)
    if at is None or found is None:
        return None
    usage = found.get("usage") or {}
    spec = next((one for one in long_running(pod) if one.get("name") == container), {})
    try:
        used = {name: parse_quantity(str(usage[name])) for name in ("cpu", "memory") if usage.get(name)}
    except ValueError:
        return None
    limits = limits_of(pod_level(pod) or {}) | limits_of(spec.get("resources") or {})
    return Measured(
        at=at,
        memory_used_bytes=int(used["memory"]) if "memory" in used else None,
        cpu_cores_used=float(used["cpu"]) if "cpu" in used else None,
        memory_limit_bytes=int(limits["memory"]) if "memory" in limits else None,
        cpu_limit_cores=float(limits["cpu"]) if "cpu" in limits else None,
    )
