"""Looks after the signing keys: what a person asks for, who believes which, and which old one may go.

`keys/` decides and `keep/signing_key.py` keeps it; from here new sidecars and the client learn of it. Running
ones are pushed it by the next pass of their monitor. Of several shards the first takes the steps, and the
others tell it, in the Secret, when their sidecars are ready.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from llmmonitor_operator.keys.begun_with import needed_by
from llmmonitor_operator.keys.keyring import Keyring
from llmmonitor_operator.keys.rotation import Step, progress, step
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.kube.places import places
from llmmonitor_operator.pods.pod import is_mine_to_watch
from llmmonitor_operator.reconcile.keep.signing_key import SigningKeys
from llmmonitor_operator.reconcile.ownership import selected
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.sidecars.standing import address_of

EVERY_SECONDS = 20.0
"""So long a person waits for the first sign of having been heard."""
LIST_EVERY_SECONDS = 3600.0
"""For old keys: all pods have to be looked at, also those of which no monitor is left."""

_log = logging.getLogger(__name__)


class KeyPass:
    """One look after another."""

    def __init__(self, parts: Parts, kept: SigningKeys, clock: Callable[[], float] = time.time) -> None:
        self._parts = parts
        self._kept = kept
        self._clock = clock
        self._listed_at = 0.0

    async def look(self) -> None:
        """Take the step that is due, and use what is kept.

        Raises:
            ApiError: the API server refuses or is away.
        """
        parts, now = self._parts, self._clock()
        keys = parts.sidecars.keys
        seen = (pod for namespace in parts.view.pod_namespaces for pod in parts.view.pods(namespace))
        uids = {pod["metadata"]["uid"] for pod in seen}
        parts.sidecars.trust.forget_but(uids)
        parts.sidecars.signatures.forget_but(uids)
        parts.sidecars.repeating.forget_but(uids)
        shard = parts.settings.shard
        if shard.first:
            found = await self._stepped(keys, now)
        else:
            found = await self._kept.follow(keys, shard, self._waiting)
        parts.sidecars.keys = found
        parts.metrics.has_keys(found, len(self._waiting(found)))
        await parts.keeper.believe(parts.sidecars.public_keys)

    async def _stepped(self, keys: Keyring, now: float) -> Keyring:
        needed = await self._needed(keys, now)

        def decide(kept: Keyring, word: str, others: Sequence[str]) -> Step:
            return step(kept, word, now, waiting=[*self._waiting(kept), *others], needed=needed)

        def said(kept: Keyring, others: Sequence[str]) -> str:
            return progress(kept, [*self._waiting(kept), *others])

        return await self._kept.look(keys, decide, said)

    def _waiting(self, keys: Keyring) -> list[str]:
        """Sidecars of monitored pods that do not believe the next key, by namespace and name."""
        if keys.next is None:
            return []
        trust, view = self._parts.sidecars.trust, self._parts.view
        pods = [pod for namespace in sorted(view.pod_namespaces) for pod in view.pods(namespace)]
        return [
            f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            for pod in pods
            if is_mine_to_watch(pod)
            and address_of(pod) is not None
            and trust.waits_for(pod["metadata"]["uid"], keys.next.id)
            and selected(pod, self._parts.monitors.of(pod["metadata"]["namespace"]))
        ]

    async def _needed(self, keys: Keyring, now: float) -> frozenset[str] | None:
        """Names of the old keys that some pod has nothing newer than; None while not known.

        Where pods may not be read (in a namespace whose Role is gone, say), old keys are kept, and a person's
        word is heard all the same.
        """
        if not keys.old or 0 <= now - self._listed_at < LIST_EVERY_SECONDS:
            return None
        needed: set[str] = set()
        trusted = tuple(key.id for key in keys.trusted)
        self._listed_at = now
        for place in places(self._parts.settings.watch_namespaces):
            try:
                async for page in self._parts.kube.pages(paths.pods(place)):
                    needed |= needed_by(page.items, trusted)
            except ApiError as error:
                _log.warning("old signing keys are kept: pods of %s not read: %s", place or "all", error)
                return None
        return frozenset(needed)
