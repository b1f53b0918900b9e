"""Where sidecars are that no monitor may want any more: found once, when leading begins.

A monitor that was deleted while no operator ran left its sidecars running; they are to be told to stop. Pods
with an injected one carry a label; attached ones can be told only by looking at every pod, once.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.pods.pod import is_mine_to_watch, our_sidecar


async def namespaces_with_sidecars(kube: Kube, watch_namespaces: Sequence[str]) -> tuple[str, ...]:
    """Namespaces in which a pod that is not on its way out has a container of ours."""
    found: set[str] = set()
    for place in watch_namespaces or ("",):
        for pod in (await kube.list(paths.pods(place))).items:
            if is_mine_to_watch(pod) and our_sidecar(pod) is not None:
                found.add(pod["metadata"]["namespace"])
    return tuple(sorted(found))
