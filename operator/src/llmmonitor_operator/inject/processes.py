"""Whether the pod's containers shall see each other's processes (`resources.processes`).

Sharing changes the model's pod: its first process is no longer pid 1. So by itself it is done only where the
engine is known to bear it, the pod does not say otherwise, and nothing in it counts on being pid 1.
"""

from __future__ import annotations

from llmmonitor_api.spec.resources import ProcessVisibility
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.serving import Serving


def may_share_processes(pod: Raw, wanted: ProcessVisibility, serving: Serving) -> bool:
    """Whether to set `shareProcessNamespace`."""
    raise NotImplementedError
