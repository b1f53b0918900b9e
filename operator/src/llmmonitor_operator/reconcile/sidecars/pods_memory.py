"""What a pass remembers of pods until the next: what cannot be read from the pod or its reports."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import our_sidecar
from llmmonitor_operator.reconcile.sidecars.day_key import DayKey
from llmmonitor_operator.reconcile.sidecars.vocabulary_key import VocabularyKey

REFRESH_SECONDS = 6 * 3600.0
"""A configuration holds for 24 h; it is pushed anew long before."""


@dataclass(slots=True)
class PodMemory:
    """One pod."""

    push_at: float
    """When its configuration is to be pushed again, though it has the right one (Unix seconds)."""
    renumbered: tuple[int, int] | None = None
    """The generation it should have, and the higher one under which it took that (see `pushing`)."""
    unreachable: str = ""
    """Why the last pull failed, in words."""
    unknown_key: bool = False
    """It was made under another signing key: nothing of ours is taken."""
    refused_attach: tuple[str, str] | None = None
    """Reason and words with which the API server refused the last attach."""
    attach_again_at: float = 0.0
    at_work: str = ""
    """The container whose report came last, where it says which it is."""
    taken_over_at: float = 0.0
    """When another one than before was heard."""

    def heard(self, container: str, now: float) -> None:
        """A report came from this container."""
        if container and self.at_work and container != self.at_work:
            self.taken_over_at = now
        self.at_work = container


@dataclass(slots=True)
class PodsMemory:
    """All pods of one monitor."""

    pods: dict[str, PodMemory] = field(default_factory=dict)
    first_seen: dict[tuple[str, str], float] = field(default_factory=dict)
    """When each container of ours was first seen, by pod UID and container."""
    day_key: DayKey | None = None
    """By which clients are known; None while none are told apart."""
    vocabulary_key: VocabularyKey | None = None
    """By which words are counted; None where they are not."""

    @property
    def at_work(self) -> dict[str, str]:
        """Which container reported last, by pod UID."""
        return {uid: one.at_work for uid, one in self.pods.items() if one.at_work}

    def look(self, pods: Iterable[Raw], now: float) -> None:
        """Remember who is there and forget who is gone."""
        seen = {}
        containers = {}
        for pod in pods:
            uid = pod["metadata"]["uid"]
            known = self.pods.get(uid)
            if known is None:
                first_refresh = now + REFRESH_SECONDS * random.random()  # noqa: S311 - not all at once
                known = PodMemory(push_at=first_refresh)
            seen[uid] = known
            sidecar = our_sidecar(pod)
            if sidecar is not None:
                key = uid, sidecar.name
                containers[key] = self.first_seen.get(key, now)
        self.pods, self.first_seen = seen, containers

    def look_at_leaving(self, pods: Iterable[Raw], now: float) -> None:
        """Remember those on their way out as well, until the next `look`."""
        for pod in pods:
            self.pods.setdefault(pod["metadata"]["uid"], PodMemory(push_at=now + REFRESH_SECONDS))

    def of(self, uid: str) -> PodMemory:
        """One pod that `look` has seen."""
        return self.pods[uid]
