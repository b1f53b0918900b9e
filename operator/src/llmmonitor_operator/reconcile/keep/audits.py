"""The audit chains as ConfigMaps in the release namespace: a volume each, only ever added to.

One writer for each monitor, and against the version that was read: an operator that wrongly believes to lead
adds nothing unseen. A record is there when `append` returns, and not before: what must not happen unrecorded
waits for it. Volumes outlive the operator and their monitor; what is older than 400 days goes.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmmonitor_operator.audit.chain import (
    KEEP_SECONDS,
    Chain,
    ChainFull,
    appended,
    chain_of,
    continued,
    key_of,
)
from llmmonitor_operator.audit.record import Entry, What, read
from llmmonitor_operator.evaluate.wording import moment
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError, Conflict, NotFound
from llmmonitor_operator.kube.labels import kept
from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.reconcile.metrics.people_metrics import FULL, NOT_WRITTEN, WRITTEN

LABEL = "llmmonitor.io/audit-of"
"""With the monitor's UID."""
MONITOR = "llmmonitor.io/monitor"
"""Annotation: its namespace and name, for people."""
_VOLUME = re.compile(r".*-audit-(?P<uid>.+)-(?P<volume>[0-9]{4})")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Open:
    """One monitor's chain."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    chain: Chain | None = None
    """None: to be read."""
    version: str = ""
    """Of the newest volume; empty while there is none."""


class Audits:
    """The chains of one release."""

    def __init__(
        self,
        kube: Kube,
        namespace: str,
        fullname: str,
        count: Callable[[str, str], None] = lambda _what, _result: None,
    ) -> None:
        """`count` is told of every record that is to be appended: of what, and what came of it."""
        self._kube = kube
        self._count = count
        self._namespace = namespace
        self._prefix = f"{fullname}-audit-"
        self._labels = kept(fullname)
        self._open: dict[str, _Open] = {}

    async def append(self, raw: Raw, entry: Entry, now: float, *, records: int = 0) -> Chain:
        """Add a record to the monitor's chain.

        Args:
            raw: the monitor, as the API server gave it.
            entry: what is recorded.
            now: Unix seconds.
            records: how many the chain is known to have had.

        Raises:
            ChainFull: it can't be added.
            ApiError: the API server refuses or is away, so it is not known to be there.
        """
        known = self._open.setdefault(raw["metadata"]["uid"], _Open())
        result = NOT_WRITTEN
        try:
            async with known.turn:
                chain = await self._appended(raw, entry, known, now, records)
            result = WRITTEN
        except ChainFull:
            result = FULL
            raise
        finally:
            self._count(entry.what, result)
        return chain

    async def _appended(self, raw: Raw, entry: Entry, known: _Open, now: float, records: int) -> Chain:
        try:
            return await self._append(raw, entry, known, now, records)
        except Conflict:  # another operator, or a person: what it wrote counts
            return await self._append(raw, entry, known, now, records)

    async def chain(self, uid: str) -> Chain:
        """The end of a monitor's chain, as it is kept.

        Raises:
            ApiError: the API server refuses or is away.
        """
        known = self._open.setdefault(uid, _Open())
        async with known.turn:
            return await self._read(uid, known)

    def newest(self, uid: str) -> Chain | None:
        """The same without asking; None when it was not read yet."""
        known = self._open.get(uid)
        return known.chain if known is not None else None

    def forget(self, uid: str) -> None:
        """The monitor is gone; its records stay."""
        self._open.pop(uid, None)

    async def sweep(self, monitors: Mapping[str, Raw], now: float) -> None:
        """Take away the volumes whose newest record is older than 400 days, but for each chain's last.

        Args:
            monitors: by UID, those there are; records of others stay until a person takes them away.
            now: Unix seconds.

        Raises:
            ApiError: the API server refuses or is away; what was done so far is done.
            ChainFull: that it was done could not be recorded, so it was not.
        """
        listing = await self._kube.list_metadata(paths.config_maps(self._namespace), label_selector=LABEL)
        several: Counter[str] = Counter(
            str(one["metadata"]["labels"][LABEL])
            for one in listing.items
            if volume_of(one["metadata"]["name"])
        )
        for uid, number in several.items():
            if number > 1 and uid in monitors:
                await self._trim(monitors[uid], now)

    async def _trim(self, raw: Raw, now: float) -> None:
        uid = raw["metadata"]["uid"]
        chain = await self.chain(uid)
        for volume in range(chain.first_volume, chain.volume):
            lines = (await self._kube.get(self._path(uid, volume))).get("data") or {}
            last = chain_of(uid, range(volume, volume + 1), lines).number
            if not last or not _is_old(lines[key_of(last)], now):
                return
            why = f"older than {KEEP_SECONDS / 86_400:.0f} days"
            entry = Entry(who="the operator", what=What.TRIMMED, why=why, count=last)
            await self.append(raw, entry, now)
            await self._close(uid, volume)
            await self._kube.delete(self._path(uid, volume))
            self._open.pop(uid, None)

    async def _read(self, uid: str, known: _Open) -> Chain:
        if known.chain is not None:
            return known.chain
        there = sorted(
            volume_of(one["metadata"]["name"])
            for one in (
                await self._kube.list_metadata(
                    paths.config_maps(self._namespace), label_selector=f"{LABEL}={uid}"
                )
            ).items
        )
        there = [volume for volume in there if volume]
        if not there:
            known.version, known.chain = "", Chain(uid)
            return known.chain
        newest = await self._kube.get(self._path(uid, there[-1]))
        known.version = newest["metadata"]["resourceVersion"]
        known.chain = chain_of(
            uid,
            range(there[0], there[-1] + 1),
            newest.get("data") or {},
            closed=bool(newest.get("immutable")),
        )
        return known.chain

    async def _append(self, raw: Raw, entry: Entry, known: _Open, now: float, records: int) -> Chain:
        try:
            before = await self._read(raw["metadata"]["uid"], known)
            found = continued(before, records, moment(now))
            if found is not before:  # by itself: the two may stand in two volumes
                await self._write(raw, before, found, known)
            return await self._write(raw, found, appended(found, entry, moment(now)), known)
        except ApiError:
            known.chain = None  # what was written all the same is to be read
            raise

    async def _write(self, raw: Raw, before: Chain, chain: Chain, known: _Open) -> Chain:
        """A volume is closed before the next begins: else two operators could each go on in another one."""
        turned = chain.volume != before.volume
        if turned and known.version and not before.closed:
            await self._close(chain.uid, before.volume, known.version)
        body = self._body(raw, chain)
        if turned or not known.version:
            answer = await self._kube.create(paths.config_maps(self._namespace), body)
        else:
            body["metadata"]["resourceVersion"] = known.version
            try:
                answer = await self._kube.replace(self._path(chain.uid, chain.volume), body)
            except NotFound:
                _log.warning("ConfigMap %s was deleted; written anew", body["metadata"]["name"])
                del body["metadata"]["resourceVersion"]
                answer = await self._kube.create(paths.config_maps(self._namespace), body)
        known.chain, known.version = chain, answer["metadata"]["resourceVersion"]
        return chain

    async def _close(self, uid: str, volume: int, version: str = "") -> None:
        """For good: the API server lets nobody change an immutable ConfigMap.

        Args:
            uid: the monitor's.
            volume: which one.
            version: as it was read, if it must not have been written to since.
        """
        unchanged = {"metadata": {"resourceVersion": version}} if version else {}
        try:
            await self._kube.patch(self._path(uid, volume), {"immutable": True, **unchanged})
        except NotFound:
            _log.warning("ConfigMap %s was deleted", self._name(uid, volume))

    def _body(self, raw: Raw, chain: Chain) -> dict[str, Any]:
        monitor = raw["metadata"]
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self._name(chain.uid, chain.volume),
                "namespace": self._namespace,
                "labels": {LABEL: chain.uid, **self._labels},
                "annotations": {MONITOR: f"{monitor['namespace']}/{monitor['name']}"},
            },
            "data": dict(chain.lines),
        }

    def _name(self, uid: str, volume: int) -> str:
        return f"{self._prefix}{uid}-{volume:04d}"

    def _path(self, uid: str, volume: int) -> str:
        return paths.config_map(self._namespace, self._name(uid, volume))


def volume_of(name: str) -> int:
    """The number of the volume with this name; 0 for a name that is none."""
    found = _VOLUME.fullmatch(name)
    return int(found["volume"]) if found else 0


def volumes(config_maps: Iterable[Raw]) -> tuple[Mapping[str, str], ...]:
    """What a chain's volumes hold, in their order."""
    numbered = [(volume_of(one["metadata"]["name"]), one.get("data") or {}) for one in config_maps]
    return tuple(data for number, data in sorted(numbered, key=lambda one: one[0]) if number)


def _is_old(line: str, now: float) -> bool:
    try:
        at = unix_seconds(read(line).at)
    except ValueError:
        return False
    return at is not None and now - at > KEEP_SECONDS
