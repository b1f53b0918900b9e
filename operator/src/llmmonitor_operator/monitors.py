"""The LLMMonitors as they are now, read and validated once each, for the operator and for the webhook.

A spec that the API server let pass and we cannot read does not stop monitoring: the last valid one stays in
force, and `Ready` says `InvalidSpec`. So it says in namespaces that are not for us, whatever the spec.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llmmonitor_api.spec import InvalidMonitor, LLMMonitor, load_monitor
from llmmonitor_operator.shards import WHOLE, Shard

Key = tuple[str, str]
"""Namespace and name."""
THE_CLUSTERS_OWN = ("kube-system", "kube-public", "kube-node-lease")
"""Namespaces in which nothing is monitored; nor in the release's own. The chart's policies have them too."""


@dataclass(frozen=True, slots=True)
class Known:
    """One monitor."""

    raw: dict[str, Any]
    """As the API server gave it last."""
    monitor: LLMMonitor | None
    """The newest valid reading; None if none was ever valid."""
    invalid: str = ""
    """What is wrong with the newest one, in words; empty when it is valid."""

    @property
    def uid(self) -> str:
        """The object's identity."""
        return str(self.raw["metadata"]["uid"])

    @property
    def created(self) -> str:
        """As Kubernetes writes it; sorts by time."""
        return str(self.raw["metadata"]["creationTimestamp"])


class Monitors:
    """All of them by namespace and name."""

    def __init__(self, changed: Callable[[Key], None], own_namespace: str = "", shard: Shard = WHOLE) -> None:
        """None yet.

        Args:
            changed: called with the key of a monitor that came, changed its spec, or went.
            own_namespace: of the release, where nothing is monitored.
            shard: others than those of its namespaces are passed over.
        """
        self._shard = shard
        self._known: dict[Key, Known] = {}
        self._within: dict[str, dict[Key, Known]] = {}
        """The same by namespace."""
        self._closed = frozenset({*THE_CLUSTERS_OWN, own_namespace})
        self._changed = changed

    def take(self, raw: dict[str, Any]) -> None:
        """It is there, and is so."""
        key = raw["metadata"]["namespace"], raw["metadata"]["name"]
        if not self._shard.has(key[0]):
            return
        before = self._known.get(key)
        if before and before.uid == raw["metadata"]["uid"]:
            if before.raw["metadata"]["generation"] == raw["metadata"]["generation"]:
                self._keep(key, Known(raw, before.monitor, before.invalid))
                return
            last_valid = before.monitor
        else:
            last_valid = None
        try:
            known = (
                Known(raw, None, _stays_out(key)) if key[0] in self._closed else Known(raw, load_monitor(raw))
            )
        except InvalidMonitor as error:
            known = Known(raw, _at_generation(last_valid, raw), "; ".join(error.errors))
        self._keep(key, known)
        self._changed(key)

    def drop(self, key: Key, uid: str) -> None:
        """The one with this UID is gone; one made anew under its name, which may be told of first, stays."""
        known = self._known.get(key)
        if known is None or known.uid != uid:
            return
        del self._known[key]
        del self._within[key[0]][key]
        if not self._within[key[0]]:
            del self._within[key[0]]
        self._changed(key)

    def _keep(self, key: Key, known: Known) -> None:
        self._known[key] = known
        self._within.setdefault(key[0], {})[key] = known

    def get(self, key: Key) -> Known | None:
        """One of them."""
        return self._known.get(key)

    def of(self, namespace: str) -> list[Known]:
        """Those of a namespace, the oldest first: of two that match one pod, the older has it."""
        found = self._within.get(namespace, {}).values()
        return sorted(found, key=lambda known: (known.created, known.raw["metadata"]["name"]))

    @property
    def identities(self) -> dict[str, Key]:
        """The key of each, by UID."""
        return {known.uid: key for key, known in self._known.items()}

    @property
    def uids(self) -> frozenset[str]:
        """Identities of all of them."""
        return frozenset(known.uid for known in self._known.values())

    @property
    def namespaces(self) -> frozenset[str]:
        """Where there is at least one."""
        return frozenset(self._within)


def _stays_out(key: Key) -> str:
    return (
        f"namespace {key[0]} is the cluster's or LLM Monitor's own, and nothing in it is monitored: create "
        f"LLMMonitor {key[1]} in the namespace of the model's pods"
    )


def _at_generation(monitor: LLMMonitor | None, raw: dict[str, Any]) -> LLMMonitor | None:
    """The last valid spec under the newest generation: what is judged is that it still holds."""
    if monitor is None:
        return None
    metadata = monitor.metadata.model_copy(update={"generation": raw["metadata"]["generation"]})
    return monitor.model_copy(update={"metadata": metadata})
