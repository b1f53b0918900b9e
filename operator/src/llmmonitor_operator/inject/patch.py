"""The sidecar into a pod as a JSON patch (RFC 6902), made on the pod's raw JSON.

Only what is added or changed is in it, so that fields of newer Kubernetes versions survive, and the same pod
and plan always give the same patch. The model's container is touched in Port mode alone.
"""

from __future__ import annotations

from typing import Any

from llmmonitor_operator.inject.hand_over import hand_over
from llmmonitor_operator.inject.native import native
from llmmonitor_operator.inject.plan import Mode, Plan
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.containers import init_containers
from llmmonitor_operator.pods.pod import INJECTED_LABEL, MONITOR_ANNOTATION, our_native

Operation = dict[str, Any]


def patch(pod: Raw, plan: Plan) -> list[Operation]:
    """The operations, in order; none if the pod has a sidecar already (the webhook is called again).

    Raises:
        PortNotNamed: in Port mode, for a port that has no name to hand over.
    """
    if our_native(pod) is not None:
        return []
    operations = [
        _put(pod, "annotations", MONITOR_ANNOTATION, plan.monitor),
        _put(pod, "labels", INJECTED_LABEL, "true"),
    ]
    if plan.mode is Mode.LISTEN:
        operations += hand_over(pod, plan.serving)
    if plan.share_processes:
        operations.append({"op": "add", "path": "/spec/shareProcessNamespace", "value": True})
    first = native(pod, plan)
    if init_containers(pod):
        operations.append({"op": "add", "path": "/spec/initContainers/0", "value": first})
    else:
        operations.append({"op": "add", "path": "/spec/initContainers", "value": [first]})
    return operations


def _put(pod: Raw, kind: str, key: str, value: str) -> Operation:
    """An annotation or label; the map is made if there is none."""
    if (pod.get("metadata") or {}).get(kind):
        return {"op": "add", "path": f"/metadata/{kind}/{_escaped(key)}", "value": value}
    return {"op": "add", "path": f"/metadata/{kind}", "value": {key: value}}


def _escaped(key: str) -> str:
    """A key of ours, which has no `~`, in a JSON pointer (RFC 6901)."""
    return key.replace("/", "~1")
