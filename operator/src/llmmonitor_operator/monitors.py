"""The LLMMonitors as they are now, read and validated once each, for the operator and for the webhook.

A spec that the API server let pass and we cannot read does not stop monitoring: the last valid one stays in
force, and `Ready` says `InvalidSpec`. So it says in namespaces that are not for us, whatever the spec. Who
begins after the mistake was made has not seen that one: `recall` takes it from where it was kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

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
    valid_spec: str = ""
    """What `monitor` was read from, as JSON, as the API server gave it; empty without one."""
    recalled: bool = False
    """Whether it was looked for the last valid spec where that is kept; until then any pod may be its."""

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
                self._keep(key, replace(before, raw=raw))
                return
        else:
            before = None
        try:
            known = (
                Known(raw, None, _stays_out(key))
                if key[0] in self._closed
                else Known(raw, load_monitor(raw), valid_spec=_as_json(raw["spec"]))
            )
        except InvalidMonitor as error:
            known = Known(raw, None, "; ".join(error.errors))
            if before is not None and before.monitor is not None:
                last_valid = _at_generation(before.monitor, raw)
                known = replace(known, monitor=last_valid, valid_spec=before.valid_spec)
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

    def recall(self, known: Known, spec: str) -> Known:
        """Put a spec in force that was kept, where there is none; gives the monitor as it is then.

        Args:
            known: which monitor; one that has changed since is taken as it is now.
            spec: its last valid one, as JSON; empty if none was kept. One that this version cannot read is
                ignored, and said.
        """
        key = known.raw["metadata"]["namespace"], known.raw["metadata"]["name"]
        now = self._known.get(key)
        if now is None or now.uid != known.uid:
            return known
        if now.monitor is not None or now.recalled:
            return now
        now = replace(now, recalled=True)
        if spec and key[0] not in self._closed:
            try:
                older = msgspec.json.decode(spec, type=dict[str, Any])
                now = replace(now, monitor=load_monitor({**now.raw, "spec": older}), valid_spec=spec)
            except (InvalidMonitor, msgspec.MsgspecError) as error:
                words = f"its last valid spec was kept, and this version cannot read it either: {error}"
                now = replace(now, invalid="; ".join([now.invalid, *words.splitlines()]))
        self._keep(key, now)
        return now

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
    def without_spec(self) -> list[Known]:
        """Those of which no spec is in force."""
        return [known for known in self._known.values() if known.monitor is None]

    @property
    def identities(self) -> dict[str, Key]:
        """The key of each, by UID."""
        return {known.uid: key for key, known in self._known.items()}

    @property
    def uids(self) -> frozenset[str]:
        """Identities of all of them."""
        return frozenset(known.uid for known in self._known.values())

    @property
    def raws(self) -> dict[str, dict[str, Any]]:
        """Each as the API server gave it last, by its identity."""
        return {known.uid: known.raw for known in self._known.values()}

    @property
    def namespaces(self) -> frozenset[str]:
        """Where there is at least one."""
        return frozenset(self._within)


def _stays_out(key: Key) -> str:
    return (
        f"namespace {key[0]} is the cluster's or LLM Monitor's own, and nothing in it is monitored: create "
        f"LLMMonitor {key[1]} in the namespace of the model's pods"
    )


def _as_json(spec: dict[str, Any]) -> str:
    return msgspec.json.encode(spec, order="deterministic").decode()


def _at_generation(monitor: LLMMonitor, raw: dict[str, Any]) -> LLMMonitor:
    """The last valid spec under the newest generation: what is judged is that it still holds."""
    metadata = monitor.metadata.model_copy(update={"generation": raw["metadata"]["generation"]})
    return monitor.model_copy(update={"metadata": metadata})
