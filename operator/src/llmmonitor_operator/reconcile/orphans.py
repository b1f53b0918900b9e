"""Where sidecars are that no monitor may want any more: found once, when leading begins.

A monitor that was deleted while no operator ran left its sidecars running; they are to be told to stop. Pods
with an injected one carry a label; attached ones can be told only by looking at every pod, once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.kube.places import is_only_of, places
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import is_mine_to_watch, our_sidecar
from llmmonitor_operator.shards import WHOLE, Shard

_log = logging.getLogger(__name__)


async def namespaces_with_sidecars(
    kube: Kube, watch_namespaces: Sequence[str], shard: Shard = WHOLE
) -> tuple[str, ...]:
    """Namespaces in which a pod that is not on its way out has a container of ours.

    These are all pods there are, anybody's: a page of them at a time, and one that cannot be read is passed
    over.

    Args:
        kube: a connection to the API server.
        watch_namespaces: where to look; empty: everywhere.
        shard: namespaces of others are left out.
    """
    found: set[str] = set()
    for place in places(watch_namespaces):
        try:
            async for page in kube.pages(paths.pods(place)):
                found |= {pod["metadata"]["namespace"] for pod in page.items if _has_one(pod)}
                await asyncio.sleep(0)
        except ApiError as error:
            if not is_only_of(place, error):
                raise
            _log.warning("namespace %s: its pods may not be read: %s", place, error)
    return tuple(sorted(filter(shard.has, found)))


def _has_one(pod: Raw) -> bool:
    try:
        return is_mine_to_watch(pod) and our_sidecar(pod) is not None
    except Exception:  # noqa: BLE001 - one strange pod must not keep the operator from leading
        _log.exception("pod %s cannot be read", pod.get("metadata", {}).get("name"))
        return False
