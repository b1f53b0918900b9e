"""Lets a shard begin only when no operator is at work that divides the namespaces otherwise.

While the number of shards changes, operators of both numbers run for a moment, and a namespace would have two
of them: two writers of one status. So each Lease is labelled with the number its holder was started with, and
nobody takes one while another is held under another number. Who took one looks once more before working: of
two that take theirs in the same moment at least one sees the other, gives back, and waits again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.kube.labels import of_release
from llmmonitor_operator.kube.lease import TERMS, Owner, Terms, lead
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.shards import Shard, lease_name, verdicts_name

Work = Callable[[], Coroutine[Any, Any, None]]
SHARDS_LABEL = "llmmonitor.io/shards"
LOOK_EVERY_SECONDS = 2.0
_MARGIN_SECONDS = 4.0
"""Beyond a Lease's own time, after which its holder has ended: it stops 3 s before that."""

_log = logging.getLogger(__name__)


async def lead_shard(  # noqa: PLR0913, PLR0917 - as `lead`: whose lease, who wants it, what for
    kube: Kube,
    namespace: str,
    name: str,
    identity: str,
    shard: Shard,
    work: Work,
    terms: Terms = TERMS,
    *,
    owner: Owner | None = None,
    seen: Callable[[], None] = lambda: None,
) -> None:
    """As `kube.lease.lead`, the shard's Lease, once nobody works that divides otherwise.

    Args:
        kube: a connection to the API server.
        namespace: of the release.
        name: what the names of its objects begin with.
        identity: who wants the Lease.
        shard: which one of how many.
        work: what to do while it is held.
        terms: of the election.
        owner: gives a reference to what the Lease shall go with.
        seen: called whenever it was read who holds a Lease, ours or another shard's.

    Raises:
        LostLease: the lease went; the process has to end.
        ApiError: the API server refuses or is away at the wrong moment.
        Exception: what `work` raised.
    """
    others = OtherShards(kube, namespace, name, shard.count, seen=seen)
    agreed = False

    async def work_if_agreed() -> None:
        nonlocal agreed
        found = await others.of_another_number()
        agreed = not found
        if agreed:
            await work()
        else:
            _log.info("given back: %s", found)

    while not agreed:
        await others.ended()
        await lead(
            kube,
            namespace,
            lease_name(name, shard.index),
            identity,
            work_if_agreed,
            terms=terms,
            labels={**of_release("operator"), SHARDS_LABEL: str(shard.count)},
            owner=owner,
            seen=seen,
        )


class OtherShards:
    """The Leases of this release, by whom they are held."""

    def __init__(  # noqa: PLR0913 - whose Leases, and how they are followed
        self,
        kube: Kube,
        namespace: str,
        name: str,
        count: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        seen: Callable[[], None] = lambda: None,
    ) -> None:
        """Args: name: what the names of the release's objects begin with; count: of our own shards."""
        self._seen = seen
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._count = count
        self._monotonic = monotonic
        self._ours = re.compile(re.escape(lease_name(name, 0)) + r"(-[0-9]{1,2})?")
        self._renewed: dict[str, tuple[str, float]] = {}
        """What each Lease said of its last renewal, and since when it says that."""

    async def ended(self) -> None:
        """Wait until no Lease is held by an operator of another number of shards, as long as it takes."""
        before = ""
        while True:
            try:
                found = await self.of_another_number()
            except ApiError as error:
                found = f"Leases not read: {error}"
            if not found:
                return
            if found != before:
                _log.info("waiting: %s", found)
            before = found
            await asyncio.sleep(LOOK_EVERY_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - jitter

    async def of_another_number(self) -> str:
        """Who holds a Lease under another number of shards, in words; empty without any.

        Raises:
            ApiError: the API server refuses or is away.
        """
        listing = await self._kube.list(paths.leases(self._namespace))
        self._seen()
        held = [lease for lease in listing.items if self._is_held(lease)]
        others = [(lease, number) for lease in held if (number := self._number(lease)) != self._count]
        return "; ".join(
            f"Lease {lease['metadata']['name']} is held by {lease['spec']['holderIdentity']}, one of {number}"
            f" shards; this is one of {self._count}"
            for lease, number in others
        )

    def _is_held(self, lease: Raw) -> bool:
        name, spec = lease["metadata"]["name"], lease.get("spec") or {}
        if self._ours.fullmatch(name) is None or not spec.get("holderIdentity"):
            return False
        now, said = self._monotonic(), str(spec.get("renewTime"))
        known, since = self._renewed.get(name, ("", now))
        if known != said:
            since = now
        self._renewed[name] = said, since
        return bool(now - since <= spec.get("leaseDurationSeconds", 0) + _MARGIN_SECONDS)

    def _number(self, lease: Raw) -> int:
        """Of shards; operators from before there were any did not say."""
        said = (lease["metadata"].get("labels") or {}).get(SHARDS_LABEL, "1")
        return int(said) if said.isdecimal() else 0


async def drop_verdicts_of_former_shards(kube: Kube, namespace: str, name: str, count: int) -> None:
    """Delete the verdicts of shards that are no more: later shards would take them for their own.

    Raises:
        ApiError: the API server refuses or is away.
    """
    kept = {verdicts_name(name, index) for index in range(count)}
    ours = re.compile(re.escape(verdicts_name(name, 0)) + r"-[0-9]{1,2}")
    for one in (await kube.list_metadata(paths.config_maps(namespace))).items:
        found = one["metadata"]["name"]
        if ours.fullmatch(found) and found not in kept:
            await kube.delete(paths.config_map(namespace, found))
            _log.info("deleted ConfigMap %s/%s: there are %d shards", namespace, found, count)
