"""Would a pod come back with the sidecar if it were made anew? Asked before one is evicted for just that.

By the decision that the webhook itself will take, on the running pod without what came to it since: where it
is, what was attached, and an older sidecar. Whether the webhook is there to be asked is the caller's to know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.admit.decide import Surroundings, admit
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.containers import init_containers
from llmmonitor_operator.pods.pod import INJECTED_LABEL, MONITOR_ANNOTATION, our_native

_WITH_ITS_PLACE = frozenset({"nodeName", "ephemeralContainers", "initContainers"})


def why_not_injected(pod: Raw, around: Surroundings, configuration: Callable[[LLMMonitor], str]) -> str:
    """Why its successor would come without the sidecar, in words; empty when it would have it.

    Args:
        pod: runs.
        around: its namespace, as the webhook's caches hold it.
        configuration: gives the JSON of what a monitor's sidecars begin with.
    """
    admission = admit(as_created(pod), around, configuration)
    return "" if admission.patch else admission.why or admission.reason


def as_created(pod: Raw) -> dict[str, Any]:
    """The pod as its controller made it, as far as it still shows."""
    metadata = dict(pod.get("metadata") or {})
    for kind, ours in (("labels", INJECTED_LABEL), ("annotations", MONITOR_ANNOTATION)):
        if isinstance(given := metadata.get(kind), Mapping):
            metadata[kind] = {key: value for key, value in given.items() if key != ours}
    spec = {key: value for key, value in (pod.get("spec") or {}).items() if key not in _WITH_ITS_PLACE}
    sidecar = our_native(pod)
    before = [one for one in init_containers(pod) if one is not sidecar]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {**spec, **({"initContainers": before} if before else {})},
    }
