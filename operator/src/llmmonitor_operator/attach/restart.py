"""`existingPods: Restart`: which pod to evict next, or why none, and how far it has come. Pure.

One pod of a monitor at a time, and never a second one of a workload: it goes only while all pods of its
workload are there and Ready, and the next one only when its successor is Ready with an injected sidecar that
reports. What is so is read from the pods and their workload each time. Which pod's turn it is stands in the
status before it is evicted: an operator that ends at any line is followed by one that finds the same pod
still there (and evicts it, by its UID), or finds it gone and waits for the successor.

At the first failure it stops: a successor that is not Ready in time, comes without the sidecar, or would have
to be replaced itself, which would go on for ever. It goes on when that pod is gone or the spec has another
generation, and not when the pod becomes Ready after all: one that crashes again and again does so too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from llmmonitor_api.status import RestartedPod, RestartStatus
from llmmonitor_operator.attach.evict import Eviction
from llmmonitor_operator.attach.replicas import (
    Controller,
    controller_of,
    created_at,
    has_ended,
    name_of,
    not_whole,
    of_workload,
    ready_since,
    uid_of,
)
from llmmonitor_operator.attach.restart_seen import Replica, Seen, is_going, label, updated
from llmmonitor_operator.attach.restart_under_way import looked_after, of_generation
from llmmonitor_operator.attach.restartable import why_not_restartable
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.kube.raw import mapping


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome."""

    progress: RestartStatus
    """To be written before anything is done."""
    evict: Eviction | None = None
    not_restartable: Mapping[str, str] = field(default_factory=dict)
    """By UID of the pod, a sentence."""


def next_step(before: RestartStatus | None, seen: Seen) -> Step:
    """What to do now.

    Args:
        before: the progress that stands in the status; None before the first.
        seen: what is so now.
    """
    progress = looked_after(of_generation(before, seen), seen)
    wanted = [one for one in seen.replicas if one.wanted and not is_going(one.pod, seen)]
    busy = progress.waiting_for.workload_uid if progress.waiting_for else ""
    kept = {
        uid_of(one.pod): words
        for one in wanted
        if (words := why_not_restartable(one.pod, seen.workloads, busy))
    }
    able = [one for one in wanted if uid_of(one.pod) not in kept]
    if progress.waiting_for is None or progress.waiting_for.evicted is None:
        progress, evict = _next(progress, able, seen)
    else:
        evict = None
    under_way = progress.waiting_for is not None and progress.waiting_for.evicted is not None
    planned = progress.done + len(able) + under_way
    if not progress.message and planned:
        progress = updated(progress, message=f"all {planned} replaced" if planned > 1 else "replaced")
    return Step(updated(progress, planned=planned), evict, kept)


def _next(
    progress: RestartStatus, able: Sequence[Replica], seen: Seen
) -> tuple[RestartStatus, Eviction | None]:
    """Whose turn it is."""
    held = progress.waiting_for
    progress = updated(progress, waiting_for=None, message="")
    if not able:
        return progress, None
    words = seen.closed or _unrest(seen)
    if words:
        return updated(progress, message=f"waits: {words}"), None
    lacking = []
    for one in sorted(able, key=lambda one: _order(one, held)):
        controller = controller_of(one.pod)
        workload = seen.workloads.get(controller.uid) if controller else None
        if workload is None:
            lacking.append(f"{controller.title if controller else 'its controller'} is not there")
            continue
        lacks = not_whole(workload, of_workload(seen.pods, workload.uid), seen.evicted)
        if not lacks and controller is not None:
            return _its_turn(progress, one, controller, held, seen)
        lacking.append(lacks)
    return updated(progress, message=f"waits: {lacking[0]}"), None


def _its_turn(
    progress: RestartStatus, one: Replica, controller: Controller, held: RestartedPod | None, seen: Seen
) -> tuple[RestartStatus, Eviction]:
    uid, name = uid_of(one.pod), name_of(one.pod)
    refused = seen.refused.get(uid)
    message = f"pod {name} is evicted: {one.wanted}"
    if refused:
        message = f"pod {name} of {controller.title} is not evicted yet, and tried again: {refused}"
    record = RestartedPod(
        name=label(name),
        uid=label(uid),
        workload_kind=label(controller.kind),
        workload=label(controller.name),
        workload_uid=label(controller.uid),
        newest=wording.instant(max(map(created_at, of_workload(seen.pods, controller.uid)), default=0.0)),
        since=held.since if held is not None and held.uid == uid else wording.instant(seen.now),
    )
    namespace = str(mapping(one.pod.get("metadata")).get("namespace") or "")
    why = f"to be replaced by one with the sidecar ({one.wanted}), as existingPods Restart asks"
    return updated(progress, waiting_for=record, message=message), Eviction(namespace, name, uid, why)


def _unrest(seen: Seen) -> str:
    """What else happens to the monitor's pods: one thing at a time."""
    for one in seen.replicas:
        controlled = controller_of(one.pod) is not None
        if controlled and is_going(one.pod, seen):
            return f"pod {name_of(one.pod)} is still ending"
        if controlled and not one.wanted and ready_since(one.pod) is None and not has_ended(one.pod):
            return f"pod {name_of(one.pod)} is not Ready"
    return ""


def _order(one: Replica, held: RestartedPod | None) -> tuple[bool, bool, float, str]:
    """Whose turn it is already; then those that nothing is known of; the oldest first."""
    its_turn = held is not None and held.uid == uid_of(one.pod)
    return not its_turn, one.monitored, created_at(one.pod), name_of(one.pod)
