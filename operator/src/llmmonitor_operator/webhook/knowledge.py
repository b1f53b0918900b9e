"""What the webhook knows of the cluster at this moment: mirrors of six kinds of objects, all read only.

What surrounds a pod is taken together, in the event loop, and never changes afterwards, so that a decision
may be made in another thread. How old it may be is decided here too: verdicts count only while the operator
(where it is divided: the namespace's shard of it) renews its Lease.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from llmmonitor_operator.admit.decide import Surroundings
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.mirror import Changed, Mirror
from llmmonitor_operator.kube.places import EVERYWHERE, namespace_in, namespace_mirror, places, within
from llmmonitor_operator.kube.polled import Polled
from llmmonitor_operator.monitors import Monitors
from llmmonitor_operator.preflight import verdict
from llmmonitor_operator.preflight.verdict import Verdicts
from llmmonitor_operator.process_settings import WebhookSettings
from llmmonitor_operator.shards import lease_name, shard_of, verdicts_name
from llmmonitor_operator.webhook.operator_alive import OperatorAlive

_OF_NAMESPACES = frozenset({"llmmonitors", "namespaces", "resourcequotas", "limitranges"})
"""Kinds that are watched in every namespace that is."""


class Knowledge:
    """Everything known; `mirrors` have to be kept running by the caller."""

    def __init__(
        self,
        kube: Kube,
        settings: WebhookSettings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._monitors = Monitors(lambda _key: None, settings.namespace)
        self._shards = range(settings.shards)
        self._alive = [OperatorAlive() for _ in self._shards]
        self._verdicts = [Verdicts() for _ in self._shards]
        watched = self._places = places(settings.watch_namespaces)
        self._by_place = frozenset[str]() if watched == EVERYWHERE else _OF_NAMESPACES
        """Kinds of which one namespace may be missing."""

        def one(path: str, name: str, on_change: Changed | None = None) -> Mirror:
            return Mirror(kube, path, field_selector=f"metadata.name={name}", on_change=on_change)

        own = settings.namespace
        self._of_quotas = [Mirror(kube, paths.resource_quotas(place)) for place in watched]
        self._of_limit_ranges = [Mirror(kube, paths.limit_ranges(place)) for place in watched]
        self._of_namespaces = [namespace_mirror(kube, place) for place in watched]
        self.mirrors: Mapping[str, Sequence[Mirror | Polled]] = {
            "llmmonitors": [
                Mirror(kube, paths.monitors(place), on_change=self._monitor) for place in watched
            ],
            "namespaces": self._of_namespaces,
            "resourcequotas": self._of_quotas,
            "limitranges": self._of_limit_ranges,
            "verdicts": [
                one(paths.config_maps(own), verdicts_name(settings.name, shard), self._verdict(shard))
                for shard in self._shards
            ],
            "lease": [
                one(paths.leases(own), lease_name(settings.name, shard), self._lease(shard))
                for shard in self._shards
            ],
        }

    def around(self, namespace: str) -> Surroundings:
        """What is known about `namespace` now; never fresh until its own object was seen."""
        known = self._monitors.of(namespace)
        shard = shard_of(namespace, len(self._shards))
        seen = namespace_in(self._of_namespaces, namespace) if self._is_read(namespace) else None
        thing = seen or {}
        return Surroundings(
            namespace=thing,
            monitors=tuple(one.monitor for one in known if one.monitor is not None),
            common=self._verdicts[shard].common,
            verdict=self._verdicts[shard].namespaces.get(namespace),
            fresh=bool(thing) and self._alive[shard].fresh(self._monotonic()),
            quotas=within(self._of_quotas, namespace),
            limit_ranges=within(self._of_limit_ranges, namespace),
        )

    @property
    def operator_alive(self) -> bool:
        """Whether every shard of the operator tends its verdicts."""
        now = self._monotonic()
        return all(alive.fresh(now) for alive in self._alive)

    @property
    def unread(self) -> list[str]:
        """Kinds that were not read completely yet; namespaces that may not be read are not waited for."""
        return [
            kind
            for kind, those in self.mirrors.items()
            if not all((one.answered if kind in self._by_place else one.synced).is_set() for one in those)
        ]

    def _is_read(self, namespace: str) -> bool:
        """Whether all that surrounds a pod there is known: where quotas are not, nothing is injected."""
        place = self._places.index(namespace) if namespace in self._places else 0
        return all(self.mirrors[kind][place].synced.is_set() for kind in _OF_NAMESPACES)

    @property
    def problems(self) -> dict[str, str]:
        """Why a kind may be behind, in words; only those that may."""
        found = {kind: [one.problem for one in those if one.problem] for kind, those in self.mirrors.items()}
        return {kind: problems[0] for kind, problems in found.items() if problems}

    def _monitor(self, kind: str, thing: dict[str, Any]) -> None:
        if kind == "DELETED":
            metadata = thing["metadata"]
            self._monitors.drop((metadata["namespace"], metadata["name"]), metadata["uid"])
        else:
            self._monitors.take(thing)

    def _verdict(self, shard: int) -> Changed:
        def changed(kind: str, thing: dict[str, Any]) -> None:
            self._verdicts[shard] = Verdicts() if kind == "DELETED" else verdict.read(thing)

        return changed

    def _lease(self, shard: int) -> Changed:
        def changed(kind: str, thing: dict[str, Any]) -> None:
            if kind != "DELETED":
                self._alive[shard].saw(thing, self._now(), self._monotonic())

        return changed
