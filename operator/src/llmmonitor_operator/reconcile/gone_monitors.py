"""Finds monitors that went while nobody watched.

A watch that breaks begins with a new list, and kopf (1.45) tells of everything in it but of nothing that is
missing. A monitor deleted in that moment would be followed for ever: its pods attached to, its sidecars never
told to stop.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.places import places
from llmmonitor_operator.monitors import Monitors

EVERY_SECONDS = 60.0

_log = logging.getLogger(__name__)


async def drop_gone(kube: Kube, monitors: Monitors, watch_namespaces: Sequence[str]) -> None:
    """Drop those that are not there.

    Raises:
        ApiError: the API server refuses or is away; nothing is dropped.
    """
    before = monitors.identities  # one that comes while the list is read is not missed in it
    there: set[str] = set()
    for place in places(watch_namespaces):
        listing = await kube.list_metadata(paths.monitors(place))
        there |= {one["metadata"]["uid"] for one in listing.items}
    for uid in before.keys() - there:
        key = before[uid]
        known = monitors.get(key)
        if known is not None and known.uid == uid:
            _log.warning("LLMMonitor %s/%s is gone, of which no watch told", *key)
            monitors.drop(key)
