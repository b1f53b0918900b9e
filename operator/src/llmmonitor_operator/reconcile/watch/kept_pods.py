"""What is kept of a pod: all but the fields that are large and that nothing here reads.

Named are those that are left out, not those that are kept: what a later version reads must not be missing for
want of a line here.
"""

from __future__ import annotations

from typing import Any

from llmmonitor_operator.kube.kept import Kept, kept
from llmmonitor_operator.kube.raw import Raw

_OF_METADATA = frozenset({"managedFields", "generateName", "selfLink"})
_OF_SPEC = frozenset(
    {
        "dnsConfig",
        "hostAliases",
        "imagePullSecrets",
        "readinessGates",
        "schedulingGates",
        "tolerations",
        "topologySpreadConstraints",
        "volumes",
    }
)
_OF_CONTAINERS = frozenset(
    {
        "imagePullPolicy",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "volumeDevices",
        "volumeMounts",
    }
)
_OF_STATUS = frozenset({"hostIPs", "podIPs", "resourceClaimStatuses"})
_OF_CONTAINER_STATUSES = frozenset(
    {"allocatedResources", "allocatedResourcesStatus", "containerID", "user", "volumeMounts"}
)
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_CONTAINER_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")


def kept_pod(pod: Raw) -> Kept:
    """The pod as a mirror keeps it."""
    spec = _without(pod.get("spec"), _OF_SPEC)
    status = _without(pod.get("status"), _OF_STATUS)
    for part, names, left_out in (
        (spec, _CONTAINERS, _OF_CONTAINERS),
        (status, _CONTAINER_STATUSES, _OF_CONTAINER_STATUSES),
    ):
        for name in names:
            if name in part:
                part[name] = [_without(one, left_out) for one in part[name] or ()]
    return kept(
        {**pod, "metadata": _without(pod.get("metadata"), _OF_METADATA), "spec": spec, "status": status}
    )


def _without(part: Any, names: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in (part or {}).items() if key not in names}
