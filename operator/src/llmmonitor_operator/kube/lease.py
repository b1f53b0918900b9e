"""One leader at a time, by a coordination.k8s.io Lease and the kubernetes client's own election.

Losing the lease ends the process: whatever it was doing must not go on beside the new leader. The election
asks and retries; that the work stops in time is held here by a clock of our own, because a call that hangs
would keep the election from noticing that the lease has run out.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeVar

from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.baselock import BaseLock

from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError, NotFound, Unavailable
from llmmonitor_operator.kube.paths import lease, leases
from llmmonitor_operator.kube.raw import Raw

_log = logging.getLogger(__name__)
T = TypeVar("T")
Owner = Callable[[], Coroutine[Any, Any, dict[str, Any]]]
"""Gives a reference to the object with which the Lease shall go."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The times of an election."""

    lease_seconds: int = 10
    """A standby takes over so long after it saw the leader's last renewal, which it does after one retry at
    the latest, plus another one: 13 s in all. The promise is 15: two are left for requests, and to begin."""
    renew_deadline_seconds: float = 7.5
    """A leader that could not renew for so long stops; less than `lease_seconds`, so that it stops first."""
    retry_seconds: float = 1.5


TERMS = Terms()


class LostLease(Exception):
    """Somebody else leads now, or the lease could not be renewed in time."""


async def lead(  # noqa: PLR0913 - whose lease, who wants it, what for
    kube: Kube,
    namespace: str,
    name: str,
    identity: str,
    work: Callable[[], Coroutine[Any, Any, None]],
    *,
    terms: Terms = TERMS,
    labels: Mapping[str, str] = MappingProxyType({}),
    owner: Owner | None = None,
    seen: Callable[[], None] = lambda: None,
) -> None:
    """Wait for the lease, then do `work` while it is held, and give it back when `work` ends by itself.

    It is given back when this is cancelled, too, as soon as `work` has ended by that.

    An API server that is away is waited for, by a contender as long as it takes. Whoever holds the Lease puts
    `labels` on it, and whoever makes it the reference that `owner` gives. `seen` is called whenever the
    Lease was read, or there was none.

    Raises:
        LostLease: the lease went; the process has to end.
        Exception: what `work` raised.
    """
    won = asyncio.Event()

    async def started() -> None:
        won.set()
        await asyncio.Event().wait()

    async def stopped() -> None:
        _log.error("lost lease %s/%s", namespace, name)

    lock = _Lock(kube, namespace, name, identity, terms, labels, owner, seen)
    settings = Config(
        lock,
        lease_duration=terms.lease_seconds,
        renew_deadline=terms.renew_deadline_seconds,
        retry_period=terms.retry_seconds,
        onstarted_leading=started,
        onstopped_leading=stopped,
    )
    _log.info("waiting for lease %s/%s as %s", namespace, name, identity)
    election = asyncio.create_task(LeaderElection(settings).run())
    tasks: set[asyncio.Task[Any]] = {election, asyncio.create_task(won.wait())}
    working: asyncio.Task[None] | None = None
    ours = False
    """Whether the lease is to be given back: not when it was lost, nor when the work failed."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not won.is_set():
            election.result()
        _log.info("leading: %s holds lease %s/%s", identity, namespace, name)
        working = asyncio.create_task(work())
        expiry = asyncio.create_task(lock.not_renewed())
        tasks |= {working, expiry}
        await asyncio.wait({election, working, expiry}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            if election.done():
                election.result()
            raise LostLease(f"lease {namespace}/{name}")
        working.result()
        ours = True
    except asyncio.CancelledError:
        ours = won.is_set()
        if working is not None:  # it has its own last words, and the lease is renewed while it says them
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if ours:
            await _give_back(kube, namespace, name, identity)


class _Lock(BaseLock):
    """The Lease, for which an API server that hangs or is away is one that said no: the election retries.

    The library's own cannot make a Lease (kubernetes 37.0.2 passes `pretty=True`, which its generated client
    refuses), ends the election with a connection error, waits five minutes for an answer, and writes local
    time as UTC.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - whose lease, who wants it, what is written on it
        self,
        kube: Kube,
        namespace: str,
        name: str,
        identity: str,
        terms: Terms,
        labels: Mapping[str, str],
        owner: Owner | None,
        seen: Callable[[], None],
    ) -> None:
        super().__init__(name, namespace, identity)
        self._seen = seen
        self._owner = owner
        self._labels = dict(labels)
        self._kube = kube
        self._terms = terms
        self._lease: dict[str, Any] = {}
        self._renewed_at = 0.0
        """When the last successful write of it began, on the loop's clock."""

    async def not_renewed(self) -> None:
        """Returns when the lease has not been renewed for the deadline."""
        loop = asyncio.get_running_loop()
        while (left := self._renewed_at + self._terms.renew_deadline_seconds - loop.time()) > 0:  # noqa: ASYNC110 - for a time, not an event
            await asyncio.sleep(left)

    async def get(
        self, name: str, namespace: str
    ) -> tuple[bool, LeaderElectionRecord] | tuple[bool, Exception] | tuple[bool, None]:
        """The record, or why there is none."""
        try:
            self._lease = await self._in_time(self._kube.get(lease(namespace, name)))
        except NotFound as error:  # the election reads the code out of the body
            self._seen()
            return False, ApiException(status=error.status, body=json.dumps({"code": error.status}))
        except ApiError as error:
            return False, ApiException(status=error.status, reason=str(error))
        self._seen()
        spec = self._lease.get("spec") or {}
        duration = spec.get("leaseDurationSeconds")
        return True, LeaderElectionRecord(
            spec.get("holderIdentity") or None,
            str(duration) if duration else None,
            spec.get("acquireTime"),
            spec.get("renewTime"),
        )

    async def create(self, name: str, namespace: str, election_record: LeaderElectionRecord) -> bool:
        """Whether it could be made."""
        metadata: dict[str, Any] = {"name": name, "namespace": namespace, "labels": self._labels}
        if self._owner is not None:
            try:
                metadata["ownerReferences"] = [await self._in_time(self._owner())]
            except ApiError as error:
                _log.warning("lease %s/%s not made: whose it is is not known: %s", namespace, name, error)
                return False
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": self._spec({}, election_record),
        }
        return await self._written(self._kube.create(leases(namespace), body))

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        """Whether it could be taken or renewed; not if somebody wrote since it was read."""
        metadata = self._lease["metadata"]
        labelled = {**metadata, "labels": {**(metadata.get("labels") or {}), **self._labels}}
        spec = self._spec(self._lease.get("spec") or {}, updated_record)
        body = {**self._lease, "metadata": labelled, "spec": spec}
        return await self._written(self._kube.replace(lease(namespace, name), body))

    def _spec(self, before: Raw, record: LeaderElectionRecord) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        renewed = {
            **before,
            "holderIdentity": record.holder_identity,
            "leaseDurationSeconds": self._terms.lease_seconds,
            "renewTime": now,
        }
        if before.get("holderIdentity") == record.holder_identity:
            return renewed
        return renewed | {"acquireTime": now, "leaseTransitions": before.get("leaseTransitions", -1) + 1}

    async def _written(self, call: Coroutine[Any, Any, dict[str, Any]]) -> bool:
        began = asyncio.get_running_loop().time()
        try:
            await self._in_time(call)
        except ApiError as error:
            _log.warning("lease %s/%s not written: %s", self.namespace, self.name, error)
            return False
        self._renewed_at = began
        return True

    async def _in_time(self, call: Coroutine[Any, Any, T]) -> T:
        seconds = self._terms.renew_deadline_seconds / 2
        try:
            # not by wait_for: up to Python 3.11 it may swallow a cancellation, and the election goes on
            async with asyncio.timeout(seconds):
                return await call
        except TimeoutError as error:
            raise Unavailable(0, "", f"no answer within {seconds:g} s") from error


async def _give_back(kube: Kube, namespace: str, name: str, identity: str) -> None:
    """A lease without a holder is taken at the next try, an expired one only after its time."""
    path = lease(namespace, name)
    try:
        held = await kube.get(path)
        if held["spec"].get("holderIdentity") == identity:
            await kube.replace(path, {**held, "spec": {**held["spec"], "holderIdentity": ""}})
            _log.info("given back: lease %s/%s", namespace, name)
    except ApiError as error:
        _log.warning("lease %s/%s not given back, it expires: %s", namespace, name, error)
