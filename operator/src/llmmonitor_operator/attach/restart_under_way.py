"""The pod that is being replaced: is its successor as it should be, still to come, or a failure? Pure.

A successor is told by its time of creation, by the API server's clock alone: it is younger than any pod that
the workload had before.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmmonitor_api.status import FailedPod, RestartedPod, RestartStatus
from llmmonitor_operator.attach.replicas import (
    created_at,
    is_leaving,
    name_of,
    not_whole,
    of_workload,
    ready_since,
    uid_of,
)
from llmmonitor_operator.attach.restart_seen import Replica, Seen, is_going, label, updated
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import our_native

SETTLED_SECONDS = 10.0
"""For which a successor has been Ready: one that crashes at its first request is Ready for a moment."""


def of_generation(before: RestartStatus | None, seen: Seen) -> RestartStatus:
    """Another generation counts anew; a pod under way is still waited for, with all the time there is."""
    if before is not None and before.generation == seen.generation:
        return before
    fresh = RestartStatus(generation=seen.generation)
    under_way = before.waiting_for if before else None
    if under_way is None or under_way.evicted is None:
        return fresh
    workload = seen.workloads.get(under_way.workload_uid)
    pods = of_workload(seen.pods, under_way.workload_uid)
    if workload is None or not not_whole(workload, pods, seen.evicted):
        return fresh
    again = under_way.model_copy(update={"evicted": wording.instant(seen.now)})
    return updated(fresh, waiting_for=again)


def looked_after(progress: RestartStatus, seen: Seen) -> RestartStatus:
    """What has become of the pod whose turn it was."""
    one = progress.waiting_for
    if one is None:
        return updated(progress, message="")
    if one.evicted is None:
        there = next((pod for pod in seen.pods if uid_of(pod) == one.uid), None)
        if there is not None and not is_going(there, seen):
            return progress
        one = one.model_copy(update={"evicted": wording.instant(seen.now)})
        progress = updated(progress, waiting_for=one)
    workload = seen.workloads.get(one.workload_uid)
    if workload is None:
        return updated(progress, waiting_for=None, stopped=False, failed=None, message="")
    pods = of_workload(seen.pods, one.workload_uid)
    successors = [pod for pod in pods if created_at(pod) > one.newest.timestamp() and not is_leaving(pod)]
    lacks = not_whole(workload, pods, seen.evicted)
    if progress.stopped:
        if not _goes_on(progress, successors, lacks):
            return progress
        one = one.model_copy(update={"evicted": wording.instant(seen.now)})
        progress = updated(progress, waiting_for=one, stopped=False, failed=None)
    return _waited_for(progress, one, successors, lacks, seen)


def _waited_for(
    progress: RestartStatus, one: RestartedPod, successors: Sequence[Raw], lacks: str, seen: Seen
) -> RestartStatus:
    mine = {uid_of(replica.pod): replica for replica in seen.replicas}
    for pod in successors:
        words = _no_good(mine.get(uid_of(pod)))
        if words:
            return _stopped(progress, one, pod, words)
    lacks = lacks or next(
        (words for pod in successors if (words := _unsettled(pod, mine.get(uid_of(pod)), seen.now))), ""
    )
    if not lacks:
        done = progress.done + bool(successors)
        return updated(progress, waiting_for=None, done=done, message="")
    since = one.evicted.timestamp() if one.evicted else seen.now
    if seen.now - since > seen.within_seconds:
        words = f"{lacks}, {wording.duration(seen.within_seconds)} after pod {one.name} was evicted"
        unready = [pod for pod in successors if ready_since(pod) is None]
        return _stopped(progress, one, next(iter([*unready, *successors]), None), words)
    until = wording.moment(since + seen.within_seconds)
    return updated(progress, message=f"pod {one.name} was evicted: {lacks}; waited for until {until}")


def _no_good(successor: Replica | None) -> str:
    """What is wrong with it whatever becomes of it; one that the monitor does not have is not judged."""
    if successor is None:
        return ""
    if our_native(successor.pod) is None:
        return "it came without a sidecar: the webhook did not answer, or left it out"
    return f"it would have to be replaced as well: {successor.wanted}" if successor.wanted else ""


def _unsettled(pod: Raw, replica: Replica | None, now: float) -> str:
    """What a Ready successor still lacks."""
    since = ready_since(pod)
    if since is None or now - since < SETTLED_SECONDS:
        return f"its successor {name_of(pod)} is not Ready for {wording.duration(SETTLED_SECONDS)} yet"
    if replica is not None and not replica.reports:
        return f"the sidecar of its successor {name_of(pod)} does not report yet"
    return ""


def _goes_on(progress: RestartStatus, successors: Sequence[Raw], lacks: str) -> bool:
    """After a stop: the failed pod is gone, or, where none came, one has come or is not needed any more."""
    if progress.failed is None:
        return bool(successors) or not lacks
    return all(uid_of(pod) != progress.failed.uid for pod in successors)


def _stopped(progress: RestartStatus, one: RestartedPod, pod: Raw | None, words: str) -> RestartStatus:
    failed = None if pod is None else FailedPod(name=label(name_of(pod)), uid=label(uid_of(pod)))
    what = f"at pod {failed.name}, the successor of {one.name}" if failed else f"after pod {one.name}"
    goes_on = "when that pod is gone" if failed else "when a successor comes"
    message = f"stopped {what}: {words}; it goes on {goes_on} or the spec changes"
    return updated(progress, stopped=True, failed=failed, message=message)
