"""Checkpoints as ConfigMaps in the release namespace, one for each monitor; their bytes are `checkpoint`'s.

Written against the resource version that was read or written last, so that of two operators that believe to
lead neither overwrites the other unseen. They outlive the operator and, for seven days, their monitor: a
monitor deleted by mistake is gone, but who restores the cluster from a backup finds its past.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from zlib import crc32

import msgspec

from llmmonitor_operator.checkpoint import SCHEMA, UnreadableCheckpoint, decode, encode
from llmmonitor_operator.evaluate.wording import moment
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import Conflict, NotFound
from llmmonitor_operator.kube.labels import kept
from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.packed_figures import PackedFigures, are_identical
from llmmonitor_operator.shards import WHOLE, Shard
from llmmonitor_operator.state import State

SAVE_EVERY_SECONDS = 300.0
KEEP_GONE_SECONDS = 7 * 86_400.0
DATA = "state"
LABEL = "llmmonitor.io/checkpoint"
HOT, UNREADABLE = "hot", "unreadable"
ASIDE_LIMIT = 3
"""Checkpoints of one monitor that could not be read and are kept; the oldest goes."""
_DIGEST_LENGTH = 10
_CHARGED_EVERY_MS = 3_600_000
MONITOR, UID = "llmmonitor.io/monitor", "llmmonitor.io/monitor-uid"
SAVED_AT = "llmmonitor.io/checkpoint-saved-at"
"""Annotations of whatever is kept of a monitor: by these a reader finds it."""
_GONE_SINCE = "llmmonitor.io/monitor-gone-since"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was there."""

    state: State | None
    """None: begin anew from `State()`."""
    problem: str = ""
    """Why a checkpoint that was there could not be read, and where it is now; empty otherwise."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of one monitor's ConfigMap."""

    resource_version: str
    """Empty: there is none."""
    content: object = None
    """Of the state in it, as far as a change of it is worth a write."""
    counted: object = None
    """The same of what its pods counted."""
    same_as: tuple[PackedFigures, ...] = ()
    """Figures of the pods of a state that holds nothing else than it, so that these need no second look."""
    saved_at: float | None = None
    valid_spec: str = ""
    """In it, or left out of it for want of room."""


class Checkpoints:
    """The checkpoints of one release."""

    def __init__(self, kube: Kube, namespace: str, fullname: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._prefix = f"{fullname}-checkpoint-"
        self._labels = kept(fullname)
        self._known: dict[str, _Known] = {}
        self._left_out: dict[str, tuple[str, ...]] = {}

    async def load(self, uid: str) -> Loaded:
        """The checkpoint of the monitor with this UID; one that cannot be read is kept aside.

        Raises:
            ApiError: the API server refuses or is away.
        """
        try:
            raw = await self._kube.get(self._path(uid))
        except NotFound:
            self._known[uid] = _Known("")
            return Loaded(None)
        self._known[uid] = known = _Known(raw["metadata"]["resourceVersion"])
        try:
            state = await asyncio.to_thread(state_of, raw)
        except UnreadableCheckpoint as error:
            aside = await self._set_aside(uid, raw)
            monitor = (raw["metadata"].get("annotations") or {}).get(MONITOR, uid)
            problem = (
                f"checkpoint of {monitor}: {error}; it is kept as ConfigMap {self._namespace}/{aside},"
                f" the newest {ASIDE_LIMIT} such are; baselines and burn-rate windows begin anew"
            )
            return Loaded(None, problem)
        version = self._known.get(uid, known).resource_version  # another one where `sweep` came between
        self._known[uid] = replace(_known_of(state), resource_version=version)
        return Loaded(state)

    def due(self, uid: str, state: State, now: float) -> bool:
        """Whether `state` is worth a write now: five minutes after the last one, if it changed.

        Not by time alone, in which only the times of the last reports change: a thousand monitors without
        traffic would be a write every four seconds. Monitors that are loaded together are not saved together:
        their first five minutes begin spread out.
        """
        known = self._known.get(uid, _Known(""))
        if known.saved_at is None:
            known = replace(known, saved_at=now - SAVE_EVERY_SECONDS * crc32(uid.encode()) / 2**32)
            self._known[uid] = known
        return now - (known.saved_at or 0.0) >= SAVE_EVERY_SECONDS and self.is_behind(uid, state)

    def is_behind(self, uid: str, state: State) -> bool:
        """Whether the checkpoint lacks what `state` holds."""
        known = self._known.get(uid, _Known(""))
        if state == State():
            return False
        if known.content != _content(state):
            return True
        figures = tuple(boot.packed for pod in state.pods.values() for boot in pod.boots)
        if are_identical(figures, known.same_as):
            return False
        if known.counted != _counted(state):
            return True
        self._known[uid] = replace(known, same_as=figures)
        return False

    def lacks_spec(self, uid: str, state: State) -> bool:
        """Whether the last valid spec was never written: once a mistake follows it, it is nowhere else."""
        return self._known.get(uid, _Known("")).valid_spec != state.valid_spec

    async def save(self, uid: str, namespace: str, name: str, state: State, now: float) -> tuple[str, ...]:
        """Write the checkpoint of the monitor `namespace`/`name`; gives what did not fit, in words.

        Raises:
            Conflict: somebody else wrote it since it was read; it is said, and the next call overwrites it.
            ApiError: the API server refuses or is away.
            ValueError: the state does not fit even when reduced.
        """
        encoded = await asyncio.to_thread(encode, state)
        metadata = {
            "name": self._name(uid),
            "namespace": self._namespace,
            "labels": {LABEL: HOT, **self._labels},
            "annotations": {
                MONITOR: f"{namespace}/{name}",
                UID: uid,
                "llmmonitor.io/checkpoint-schema": str(SCHEMA),
                SAVED_AT: moment(now),
            },
        }
        data = {DATA: base64.b64encode(encoded.data).decode()}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": data}
        try:
            answer = await self._write(uid, body)
        except Conflict:
            self._known.pop(uid, None)
            _log.warning(
                "checkpoint of %s/%s: somebody else wrote it since it was read; is another operator of this"
                " release at work?",
                namespace,
                name,
            )
            raise
        version = answer["metadata"]["resourceVersion"]
        self._known[uid] = replace(_known_of(state), resource_version=version, saved_at=now)
        if encoded.left_out != self._left_out.get(uid, ()):
            missing = ", ".join(encoded.left_out) or "nothing any more"
            _log.info("checkpoint of %s/%s leaves out: %s", namespace, name, missing)
        self._left_out[uid] = encoded.left_out
        return encoded.left_out

    def forget(self, uid: str) -> None:
        """The monitor is gone; its ConfigMap stays until `sweep`."""
        self._known.pop(uid, None)
        self._left_out.pop(uid, None)

    async def sweep(self, known: Collection[str], now: float, shard: Shard = WHOLE) -> None:
        """Delete the checkpoints whose monitor has been gone for seven days.

        Args:
            known: the UIDs of all monitors there are; to be called only when that is known.
            now: Unix seconds.
            shard: checkpoints of monitors in others' namespaces are left alone; `known` need not have them.

        Raises:
            ApiError: the API server refuses or is away; what was done so far is done.
        """
        listing = await self._kube.list_metadata(paths.config_maps(self._namespace), label_selector=LABEL)
        for metadata in (one["metadata"] for one in listing.items):
            if metadata["name"].startswith(self._prefix) and _is_of(shard, metadata):
                try:
                    await self._sweep_one(metadata, known, now)
                except NotFound:
                    continue  # a person was faster

    async def _sweep_one(self, metadata: Raw, known: Collection[str], now: float) -> None:
        path = paths.config_map(self._namespace, metadata["name"])
        annotations = metadata.get("annotations") or {}
        uid = annotations.get(UID) or metadata["name"].removeprefix(self._prefix)
        since = unix_seconds(annotations.get(_GONE_SINCE))
        if uid in known:
            if _GONE_SINCE in annotations:  # it was looked for where it was not watched
                await self._annotate(uid, path, None)
        elif since is None:
            await self._annotate(uid, path, moment(now))
        elif now - since >= KEEP_GONE_SECONDS:
            await self._kube.delete(path)
            monitor = annotations.get(MONITOR, uid)
            _log.info("deleted ConfigMap %s: its monitor %s is gone", metadata["name"], monitor)

    async def _annotate(self, uid: str, path: str, since: str | None) -> None:
        answer = await self._kube.patch(path, {"metadata": {"annotations": {_GONE_SINCE: since}}})
        if uid in self._known and path == self._path(uid):
            self._known[uid] = replace(
                self._known[uid], resource_version=answer["metadata"]["resourceVersion"]
            )

    async def _write(self, uid: str, body: dict[str, Any]) -> dict[str, Any]:
        if uid not in self._known or not self._known[uid].resource_version:
            version = "" if uid in self._known else await self._version(uid)
        else:
            version = self._known[uid].resource_version
        if version:
            metadata = {**body["metadata"], "resourceVersion": version}
            try:
                there = {**body, "metadata": metadata}
                return await self._kube.replace(self._path(uid), there, metadata_only=True)
            except NotFound:
                _log.warning("ConfigMap %s/%s was deleted; written anew", self._namespace, self._name(uid))
        return await self._kube.create(paths.config_maps(self._namespace), body, metadata_only=True)

    async def _version(self, uid: str) -> str:
        try:
            return str((await self._kube.get(self._path(uid)))["metadata"]["resourceVersion"])
        except NotFound:
            return ""

    async def _set_aside(self, uid: str, raw: Raw) -> str:
        """Keep a copy under a name of its own, the same for the same content; of several the newest few."""
        begin = f"{self._name(uid)}-unreadable-"
        name = f"{begin}{_digest(raw)}"
        annotations = (raw["metadata"].get("annotations") or {}) | {UID: uid}
        metadata = {"name": name, "namespace": self._namespace, "annotations": annotations}
        copy = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata | {"labels": {LABEL: UNREADABLE, **self._labels}},
            **{key: raw[key] for key in ("data", "binaryData") if key in raw},
        }
        with contextlib.suppress(Conflict):  # set aside before, by a leader that came no further
            await self._kube.create(paths.config_maps(self._namespace), copy)
        listing = await self._kube.list_metadata(
            paths.config_maps(self._namespace), label_selector=f"{LABEL}={UNREADABLE}"
        )
        mine = [one["metadata"] for one in listing.items if one["metadata"]["name"].startswith(begin)]
        mine.sort(key=lambda one: (one["name"] == name, one.get("creationTimestamp") or ""))
        for metadata in mine[:-ASIDE_LIMIT]:
            with contextlib.suppress(NotFound):
                await self._kube.delete(paths.config_map(self._namespace, metadata["name"]))
            _log.info("deleted ConfigMap %s: %d newer ones are kept", metadata["name"], ASIDE_LIMIT)
        return name

    def _name(self, uid: str) -> str:
        return f"{self._prefix}{uid}"

    def _path(self, uid: str) -> str:
        return paths.config_map(self._namespace, self._name(uid))


def _is_of(shard: Shard, metadata: Raw) -> bool:
    """Whether its monitor is in one of the shard's namespaces; one that says nothing of it is left alone."""
    monitor = (metadata.get("annotations") or {}).get(MONITOR)
    return shard == WHOLE if monitor is None else shard.has(str(monitor).partition("/")[0])


def _digest(raw: Raw) -> str:
    content = {key: raw[key] for key in ("data", "binaryData") if key in raw}
    return sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:_DIGEST_LENGTH]


def state_of(raw: Raw) -> State:
    """The state in a checkpoint's ConfigMap.

    Raises:
        UnreadableCheckpoint: it holds none, or none that this version can read; the message says why.
    """
    try:
        data = base64.b64decode((raw.get("binaryData") or {})[DATA], validate=True)
    except (KeyError, TypeError, ValueError) as error:  # edited by hand: nothing, or what is no base64
        raise UnreadableCheckpoint(f"no checkpoint of ours: binaryData.{DATA}: {error!r}") from error
    return decode(data)


def _known_of(state: State) -> _Known:
    return _Known("", _content(state), _counted(state), valid_spec=state.valid_spec)


def _content(state: State) -> object:
    """What changes with traffic, with pods and with verdicts, but not with time alone."""
    return (
        state.events_at,
        state.progress_at,
        state.valid_spec,
        state.audit,
        state.review,
        _charges(state),
        (state.versions.running, [one.name for one in state.versions.versions]),
        [(one.type, one.status, one.reason, one.observed_generation) for one in state.conditions],
        {uid: [boot.boot_id for boot in pod.boots] for uid, pod in state.pods.items()},
    )


def _counted(state: State) -> object:
    """Of all lives of all pods, which takes long: it seldom changes where `_content` does not."""
    return {uid: [boot.packed.requests for boot in pod.boots] for uid, pod in state.pods.items()}


def _charges(state: State) -> object:
    """An hour of the ledger is worth a write: of pods that end unseen it is what can be lost."""
    ledger = state.cost
    priced = [(line.currency, line.amount, line.per, line.since) for line in ledger.lines]
    return priced, sorted(ledger.accounts), ledger.looked_at // _CHARGED_EVERY_MS
