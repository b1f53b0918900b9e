"""Which pods may be replaced: something makes them anew, and another one serves meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from llmmonitor_operator.attach.replicas import RESTARTABLE, Controller, Workload, controller_of
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.kube.raw import Raw, mapping
from llmmonitor_operator.pods.pod import NAME_TAKEN, name_is_taken

RESTART_ANNOTATION = "llmmonitor.io/restart"
"""`"true"` on a pod: it may be replaced whatever its controller is and however few replicas that has."""
_LEAST_READY = 2
"""So that one serves while the other is replaced."""
_WAY_OUT = f'restart it yourself, or allow it by the annotation {RESTART_ANNOTATION}: "true"'


def why_not_restartable(pod: Raw, workloads: Mapping[str, Workload], busy: str) -> str:
    """Why it is not replaced as things are, in a sentence; empty when its turn comes.

    Args:
        pod: to be replaced.
        workloads: by UID, those that are there.
        busy: UID of the workload whose pod is being replaced: that it has one fewer is our own doing.
    """
    controller = controller_of(pod)
    if controller is None:
        return "it has no controller, so that nothing would make it anew; restart it yourself"
    if name_is_taken(pod):
        return f"its successor would come without the sidecar: {NAME_TAKEN}"
    if mapping(mapping(pod.get("metadata")).get("annotations")).get(RESTART_ANNOTATION) == "true":
        return ""
    words = _unfit(controller, workloads.get(controller.uid), busy)
    return f"{words}; {_WAY_OUT}" if words else ""


def _unfit(controller: Controller, workload: Workload | None, busy: str) -> str:
    if workload is None:
        is_read = (controller.group, controller.kind) in RESTARTABLE
        return f"{controller.title} is not there" if is_read else ""
    if workload.unfit:
        return workload.unfit
    wanted, ready = workload.replicas or 0, workload.ready or 0
    if wanted < _LEAST_READY:
        replicas = wording.counted(wanted, "replica")
        return f"{workload.title} has {replicas}, and two must be Ready so that one serves meanwhile"
    if ready < _LEAST_READY and controller.uid != busy:
        return f"{ready} of {wanted} replicas of {workload.title} are Ready, and two must be"
    return ""
