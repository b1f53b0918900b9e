"""Asks pods to go, by the Eviction API alone: budgets hold, and a successor of the same name is left alone.

What was evicted is remembered until the pod is gone from sight, since what is seen of it may be older.
Nothing rests on that memory but not to ask twice: who begins without it sees the pod ending, or not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from llmmonitor_operator.attach.evict import Eviction
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError, NotFound

_log = logging.getLogger(__name__)


class Evictor:
    """Of all passes: two of them must not evict pods of one workload at once."""

    def __init__(self) -> None:
        self._evicted: set[str] = set()
        self._said: dict[str, str] = {}
        """By UID, why a pod was not evicted the last time: a budget may hold for hours."""

    @property
    def evicted(self) -> frozenset[str]:
        """UIDs of pods that were evicted and may still be seen."""
        return frozenset(self._evicted)

    def keep(self, uids: Collection[str]) -> None:
        """Args: uids: of all pods that are seen; the others are gone."""
        self._evicted.intersection_update(uids)
        self._said = {uid: words for uid, words in self._said.items() if uid in uids}

    async def evict(self, kube: Kube, eviction: Eviction) -> str:
        """Ask; why it was refused, in the API server's words, empty when the pod goes or is gone."""
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": eviction.name, "namespace": eviction.namespace},
            "deleteOptions": {"preconditions": {"uid": eviction.uid}},
        }
        self._evicted.add(eviction.uid)  # before anybody else looks
        try:
            await kube.create(paths.eviction(eviction.namespace, eviction.name), body)
        except NotFound:
            return ""
        except ApiError as error:
            self._evicted.discard(eviction.uid)
            if self._said.get(eviction.uid) != str(error):
                _log.warning("pod %s/%s not evicted yet: %s", eviction.namespace, eviction.name, error)
            self._said[eviction.uid] = str(error)
            return error.message or str(error)
        except BaseException:
            self._evicted.discard(eviction.uid)  # it was not heard whether it goes: it is seen
            raise
        _log.warning("evicted pod %s/%s: %s", eviction.namespace, eviction.name, eviction.message)
        return ""
