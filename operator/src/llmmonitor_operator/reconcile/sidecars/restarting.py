"""`existingPods: Restart` in a pass: looks at what `attach/restart.py` decides by, and evicts what it says.

Between the two the pass writes the status, in which the pod's turn stands. Before a pod goes, everything is
asked that would make it go for nothing: whether the webhook is there, would give its successor the sidecar,
and has had time to learn what the operator has just learnt.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.spec import LLMMonitor
from llmmonitor_api.spec.target import ExistingPods
from llmmonitor_api.status import RestartedPod, RestartStatus
from llmmonitor_operator.attach.decide import predates
from llmmonitor_operator.attach.evict import KNOWN_AFTER_SECONDS, Eviction
from llmmonitor_operator.attach.outdated import not_to_be_pushed
from llmmonitor_operator.attach.replicas import (
    APPS,
    RESTARTABLE,
    Controller,
    Workload,
    controller_of,
    not_whole,
    of_workload,
    uid_of,
)
from llmmonitor_operator.attach.restart import Step, next_step
from llmmonitor_operator.attach.restart_seen import Replica, Seen, updated
from llmmonitor_operator.evaluate.environment import ExpectedPod
from llmmonitor_operator.evaluate.transitions import NORMAL, WARNING, Transition
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.monitors import Monitors
from llmmonitor_operator.pods.pod import opted_out, our_native
from llmmonitor_operator.process_settings import OperatorSettings
from llmmonitor_operator.reconcile.sidecars.evicting import Evictor
from llmmonitor_operator.reconcile.sidecars.standing import LOOK_AGAIN_SECONDS, Facts, Standing
from llmmonitor_operator.reconcile.sidecars.successors import Successors
from llmmonitor_operator.reconcile.sidecars.workloads import Workloads
from llmmonitor_operator.reconcile.watch.cluster_view import ClusterView

REFUSED_SECONDS = 10.0
"""After which an eviction that was refused is tried again."""
EVICTED = "Evicted"
"""Of the Event."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mine:
    """A monitor and what it has."""

    facts: Facts
    standings: Sequence[Standing]
    leaving: Sequence[Raw]
    conflict: str
    reporting: Collection[str]
    """UIDs of pods whose sidecar has just answered."""

    @property
    def monitor(self) -> LLMMonitor:
        """Itself."""
        return self.facts.monitor


@dataclass(frozen=True, slots=True)
class Look:
    """What came out of it."""

    progress: RestartStatus | None = None
    """None under another `existingPods`."""
    evict: Eviction | None = None
    not_restartable: Mapping[str, str] = field(default_factory=dict)
    look_again_seconds: float | None = None

    @property
    def shown(self) -> RestartStatus | None:
        """For the status: None where there was nothing to replace."""
        one = self.progress
        return one if one is not None and (one.planned or one.message) else None

    def said(self, expected: ExpectedPod) -> ExpectedPod:
        """The pod with what is said of its restart."""
        if self.progress is None or expected.injection != reasons.POD_PREDATES_MONITOR.name:
            return expected
        words = self.not_restartable.get(expected.uid)
        if words is None:
            return replace(expected, injection_message="it is replaced in its turn")
        return replace(expected, injection=reasons.NOT_RESTARTABLE.name, injection_message=words)


class Restarter:
    """Of all monitors."""

    def __init__(
        self,
        kube: Kube,
        view: ClusterView,
        monitors: Monitors,
        *,
        evictor: Evictor,
        settings: OperatorSettings,
    ) -> None:
        self._kube = kube
        self._view = view
        self._evictor = evictor
        self._settings = settings
        self._workloads = Workloads(kube)
        self._successors = Successors(kube, monitors, settings)
        self._refused: dict[str, tuple[float, str]] = {}
        """By UID of the pod: until when it is not asked again (Unix seconds), and why it was refused."""

    async def look(self, mine: Mine, before: RestartStatus | None, now: float) -> Look:
        """What is to be done, and what is to be said of it."""
        if mine.monitor.spec.existing_pods is not ExistingPods.RESTART:
            return Look()
        seen = self._seen(mine, now)
        namespace = mine.monitor.metadata.namespace
        try:
            workloads = await self._workloads.read(namespace, _controllers(seen))
            workloads |= await self._workloads.read(namespace, _under_way(before), anew=True)
            seen = replace(seen, workloads=workloads)
            step = next_step(before, seen)
            step, wait = await self._checked(step, before, seen, mine) if step.evict else (step, 0.0)
        except ApiError as error:
            progress = before or RestartStatus(generation=mine.monitor.metadata.generation)
            if not progress.stopped:
                progress = updated(progress, message=f"waits: what has to be read is not: {error}")
            return Look(progress, look_again_seconds=REFUSED_SECONDS)
        return Look(step.progress, step.evict, step.not_restartable, wait or _again(step))

    async def evict(self, look: Look, now: float) -> Transition | None:
        """Do it, when it stands in the status; the Event of it."""
        eviction, progress = look.evict, look.progress
        if eviction is None or progress is None or progress.waiting_for is None:
            return None
        if now < self._refused.get(eviction.uid, (0.0, ""))[0]:
            return None
        pods = self._view.pods(eviction.namespace)
        if _is_disturbed(progress.waiting_for, pods, self._evictor.evicted):
            return None  # another pass was quicker
        words = await self._evictor.evict(self._kube, eviction)
        if words:
            self._refused[eviction.uid] = now + REFUSED_SECONDS, words
            return None
        self._refused.pop(eviction.uid, None)
        place = f"{progress.done + 1} of {progress.planned}"
        return Transition(NORMAL, EVICTED, f"evicted pod {eviction.name} ({place}), {eviction.message}")

    def forget(self, uid: str) -> None:
        """The monitor is gone."""
        self._successors.forget(uid)

    def _seen(self, mine: Mine, now: float) -> Seen:
        namespace = mine.monitor.metadata.namespace
        pods = self._view.pods(namespace)
        there = {uid_of(pod) for pod in pods}
        self._refused = {
            uid: refusal
            for uid, refusal in self._refused.items()
            if uid in there or refusal[0] > now - REFUSED_SECONDS
        }
        replicas = [_replica(one, mine) for one in mine.standings]
        conflict = f"{reasons.CONFLICTED.name}: {mine.conflict}" if mine.conflict else ""
        return Seen(
            generation=mine.monitor.metadata.generation,
            replicas=[*replicas, *(Replica(pod) for pod in mine.leaving)],
            pods=pods,
            workloads={},
            now=now,
            within_seconds=self._settings.restart_timeout_seconds,
            evicted=self._evictor.evicted,
            refused={uid: words for uid, (_, words) in self._refused.items()},
            closed=conflict,
        )

    async def _checked(
        self, step: Step, before: RestartStatus | None, seen: Seen, mine: Mine
    ) -> tuple[Step, float]:
        """The step with all that speaks against an eviction looked at; when to look again, 0 for as usual."""
        eviction = step.evict
        pod = next((one.pod for one in seen.replicas if eviction and uid_of(one.pod) == eviction.uid), None)
        controller = controller_of(pod) if pod else None
        if eviction is None or pod is None or controller is None:
            return step, 0.0
        fresh = await self._workloads.read(eviction.namespace, [controller], anew=True)
        workloads = {uid: one for uid, one in seen.workloads.items() if uid != controller.uid} | fresh
        seen = replace(seen, workloads=workloads)
        closed, wait = await self._successors.why_closed(pod, mine.facts)
        if closed:
            seen = replace(seen, closed=closed)
        return next_step(before, seen), wait


def stop_of(before: RestartStatus | None, after: RestartStatus | None) -> Transition | None:
    """The Event of a restart that has just stopped."""
    if after is None or not after.stopped or (before is not None and before.stopped):
        return None
    return Transition(WARNING, reasons.RESTART_STOPPED.name, after.message)


def _replica(one: Standing, mine: Mine) -> Replica:
    has_native = our_native(one.pod) is not None
    works = has_native and one.expected.has_sidecar and one.expected.uid in mine.reporting
    wanted = "" if opted_out(one.pod) else _why_replaced(one, mine.monitor, has_native=has_native)
    return Replica(one.pod, wanted, works, one.expected.has_sidecar)


def _why_replaced(one: Standing, monitor: LLMMonitor, *, has_native: bool) -> str:
    """In words, or empty; a pod in which nothing is found that could be monitored is left alone."""
    if one.serving is None:
        return ""
    if predates(one.pod, monitor) and not has_native:
        return "it came before the monitor"
    if one.sidecar is None or not one.sidecar.running:
        return ""
    differs = not_to_be_pushed(monitor, one.sidecar, one.serving)
    if differs:
        return differs
    if one.expected.not_reading == reasons.NEEDS_RESTART.name:
        return one.expected.not_reading_message
    return ""


def _controllers(seen: Seen) -> list[Controller]:
    """Of the pods that are to be replaced."""
    found = (controller_of(one.pod) for one in seen.replicas if one.wanted)
    return list({one.uid: one for one in found if one is not None}.values())


def _under_way(before: RestartStatus | None) -> list[Controller]:
    """Of the pod that is being replaced, of which there may be no other pod."""
    one = before.waiting_for if before else None
    if one is None:
        return []
    group = APPS if (APPS, one.workload_kind) in RESTARTABLE else ""
    return [Controller(group, one.workload_kind, one.workload, one.workload_uid)]


def _is_disturbed(one: RestartedPod, pods: Sequence[Raw], evicted: frozenset[str]) -> bool:
    """Whether something has happened to the workload's pods since they were looked at."""
    of_it = of_workload(pods, one.workload_uid)
    there = any(uid_of(pod) == one.uid for pod in of_it)
    workload = Workload(one.workload_uid, f"{one.workload_kind} {one.workload}")
    return not there or bool(not_whole(workload, of_it, evicted))


def _again(step: Step) -> float | None:
    """When to look again though nothing wakes us."""
    one = step.progress.waiting_for
    if step.progress.stopped:
        return None
    if one is not None:
        return LOOK_AGAIN_SECONDS if one.evicted or step.evict else None
    return KNOWN_AFTER_SECONDS if step.progress.message.startswith("waits") else None
