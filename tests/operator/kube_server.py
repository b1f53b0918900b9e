"""An API server on loopback with what the operator relies on, in memory; faults on demand.

Over a real socket: paging, watches with bookmarks, resource versions and their conflicts, the status
subresource, JSON and merge patches, dry runs, expiry of old versions. What the operator does not use (other
patches, validation by schema, admission) is not there: that is tried on a real one.
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import jsonpatch
from aiohttp import web
from kubernetes.aio.client import Configuration

from llmmonitor_operator.kube.api import CALL_SECONDS, Kube, speaking

Key = tuple[str, str, str, str]
"""API, namespace, plural, name."""
Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
_PATH = re.compile(
    r"(?P<api>/api/v1|/apis/[^/]+/[^/]+)(/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<plural>[a-z]+)(/(?P<name>[^/]+))?(/(?P<sub>[a-z]+))?"
)
_WITH_STATUS = frozenset({"llmmonitors", "pods", "deployments"})
_REASONS = {
    400: "BadRequest",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.reason = code, message, reason or _REASONS[code]

    @property
    def status(self) -> dict[str, Any]:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": self.code,
            "reason": self.reason,
            "message": self.message,
        }


@dataclass
class KubeServer:
    """Objects, and everything that was asked."""

    objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """`METHOD /path?query`, in order."""
    fault: Fault | None = None
    """Asked first; what it answers is the answer."""
    url: str = ""
    budget: str = ""
    """What a PodDisruptionBudget says to any eviction; empty: it allows it."""
    version: int = 100
    oldest: int = 0
    """Watches and pages from before it are refused with 410."""
    _events: list[tuple[int, Key, str, dict[str, Any]]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _ends: asyncio.Event = field(default_factory=asyncio.Event)
    _ended_at: int = 0
    _breaks: asyncio.Event = field(default_factory=asyncio.Event)
    _pages: dict[str, tuple[int, deque[dict[str, Any]]]] = field(default_factory=dict)

    # What a test does

    def put(self, path: str, thing: Mapping[str, Any]) -> dict[str, Any]:
        """Create or replace an object by the path of its collection, as somebody else would."""
        target = _target(path)
        key = self._key(target, thing)
        return self._store(key, copy.deepcopy(dict(thing)), self.objects.get(key))

    def remove(self, path: str) -> None:
        """Delete an object by its path."""
        self._drop(_target(path))

    def at(self, path: str) -> dict[str, Any]:
        """The object at a path."""
        return self.objects[_target(path)[:4]]

    def has(self, path: str) -> bool:
        """Whether there is one."""
        return _target(path)[:4] in self.objects

    def writes(self) -> list[str]:
        """What was asked that changes something."""
        return [line for line in self.asked if not line.startswith("GET")]

    def watches(self) -> list[str]:
        """The watches that were begun."""
        return [line for line in self.asked if "watch=true" in line]

    def forget_history(self) -> None:
        """As after a compaction of etcd: no watch and no page goes on from before now."""
        self.version += 1
        self.oldest = self.version
        self._events.clear()

    def end_watches(self) -> None:
        """As their time-out does: what happened until now is still told."""
        self._ended_at = self.version
        self._ends.set()
        self._ends = asyncio.Event()

    def break_watches(self) -> None:
        """As a dying connection does."""
        self._breaks.set()
        self._breaks = asyncio.Event()

    def bookmark(self) -> None:
        """Tell every watch the present version."""
        self.version += 1
        self._note(("", "", "", ""), "BOOKMARK", {})

    # What the API server does

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        self.asked.append(f"{request.method} {request.path_qs}")
        try:
            if self.fault is not None and (answer := await self.fault(request)) is not None:
                return answer
            target = _target(request.path)
            if request.method == "GET" and request.query.get("watch") == "true":
                return await self._watch(request, target)
            body = await request.json() if request.body_exists else None
            code, result = self._do(request, target, body)
        except Refusal as refusal:
            return refused(refusal)
        return web.json_response(result, status=code)

    def _do(
        self, request: web.Request, target: tuple[str, str, str, str, str], body: Any
    ) -> tuple[int, dict[str, Any]]:
        key, sub, dry = target[:4], target[4], "dryRun" in request.query
        match request.method:
            case "GET":
                return 200, self._existing(key) if key[3] else self._list(request, key)
            case "POST" if sub == "eviction":
                return 201, self._evict(key, body)
            case "POST":
                made = self._key(target, body)
                if made in self.objects:
                    raise Refusal(409, f'{made[2]} "{made[3]}" already exists', "AlreadyExists")
                return 201, self._store(made, body, None, dry=dry)
            case "PUT":
                return 200, self._replace(key, sub, body, dry=dry)
            case "PATCH":
                changed = _patched(self._existing(key), body, request.content_type)
                return 200, self._replace(key, sub, changed, dry=dry)
            case "DELETE":
                self._existing(key)
                self._drop(target)
                return 200, {"kind": "Status", "status": "Success"}
        raise Refusal(400, f"no {request.method} here")

    def _evict(self, key: Key, body: dict[str, Any]) -> dict[str, Any]:
        """The pod is on its way out; that it is gone is said by `remove`."""
        pod = self._existing(key)
        wanted = body["deleteOptions"]["preconditions"]["uid"]
        if wanted != pod["metadata"]["uid"]:
            raise Refusal(409, f"the UID in the precondition ({wanted}) does not match the UID in record")
        if self.budget:
            raise Refusal(429, self.budget)
        ending = {**pod["metadata"], "deletionTimestamp": "2026-01-05T12:30:00Z"}
        self._store(key, {**pod, "metadata": ending}, pod)
        return {"kind": "Status", "status": "Success"}

    def _existing(self, key: Key) -> dict[str, Any]:
        if key not in self.objects:
            raise Refusal(404, f'{key[2]} "{key[3]}" not found')
        return copy.deepcopy(self.objects[key])

    def _replace(self, key: Key, sub: str, new: dict[str, Any], *, dry: bool) -> dict[str, Any]:
        old = self._existing(key)
        version = new["metadata"].get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise Refusal(
                409,
                f'Operation cannot be fulfilled on {key[2]} "{key[3]}": the object has been modified;'
                " please apply your changes to the latest version and try again",
            )
        if key[2] in _WITH_STATUS:  # each door opens to its own half
            half = "status" if sub == "status" else ""
            new = _half_of(old, new, half)
        if _without_version(new) == _without_version(old):
            return old  # nothing changed: no new version
        return self._store(key, new, old, dry=dry)

    def _store(
        self, key: Key, thing: dict[str, Any], old: Mapping[str, Any] | None, *, dry: bool = False
    ) -> dict[str, Any]:
        thing.setdefault("metadata", {})
        before = (old or {}).get("metadata", {})
        version = self.version + 1
        metadata = thing["metadata"] | {
            "name": key[3],
            "uid": before.get("uid") or thing["metadata"].get("uid") or str(UUID(int=version)),
            "creationTimestamp": before.get("creationTimestamp")
            or thing["metadata"].get("creationTimestamp")
            or "2026-01-05T12:00:00Z",
            "resourceVersion": str(version),
        }
        if key[1]:
            metadata["namespace"] = key[1]
        if "spec" in thing:
            changed = old is not None and old.get("spec") != thing["spec"]
            metadata["generation"] = before.get("generation", 1) + changed
        stored = {**thing, "metadata": metadata}
        if not dry:
            self.version = version
            self.objects[key] = stored
            self._note(key, "MODIFIED" if old else "ADDED", stored)
        return copy.deepcopy(stored)

    def _drop(self, target: tuple[str, str, str, str, str]) -> None:
        gone = self.objects.pop(target[:4])
        self.version += 1
        gone = {**gone, "metadata": gone["metadata"] | {"resourceVersion": str(self.version)}}
        self._note(target[:4], "DELETED", gone)

    def _note(self, key: Key, kind: str, thing: dict[str, Any]) -> None:
        self._events.append((self.version, key, kind, thing))
        self._changed.set()
        self._changed = asyncio.Event()

    def _list(self, request: web.Request, key: Key) -> dict[str, Any]:
        token = request.query.get("continue", "")
        if token:
            version, left = self._pages.pop(token, (0, deque()))
            if version < self.oldest or not left:
                raise Refusal(410, "The provided continue parameter is too old")
        else:
            selected = copy.deepcopy(list(self._selected(request, key)))
            if "as=PartialObjectMetadataList" in request.headers["Accept"]:
                selected = [{"metadata": one["metadata"]} for one in selected]
            version, left = self.version, deque(selected)
        limit = int(request.query.get("limit", "0")) or len(left)
        items = [left.popleft() for _ in range(min(limit, len(left)))]
        metadata = {"resourceVersion": str(version)}
        if left:
            metadata["continue"] = f"page-{version}-{len(left)}-{time.monotonic_ns()}"
            self._pages[metadata["continue"]] = version, left
        return {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items}

    def _selected(self, request: web.Request, wanted: Key) -> Iterable[dict[str, Any]]:
        for key in sorted(self.objects):
            if _within(key, wanted) and _chosen(self.objects[key], request):
                yield self.objects[key]

    async def _watch(
        self, request: web.Request, target: tuple[str, str, str, str, str]
    ) -> web.StreamResponse:
        since = int(request.query.get("resourceVersion") or self.version)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        ends, breaks = self._ends, self._breaks
        while True:
            if breaks.is_set():
                if request.transport:
                    request.transport.abort()
                break
            changed = self._changed
            if since < self.oldest:
                error = Refusal(410, f"too old resource version: {since} ({self.oldest})").status
                await response.write(json.dumps({"type": "ERROR", "object": error}).encode() + b"\n")
                break
            for version, key, kind, thing in list(self._events):
                if version <= since or (ends.is_set() and version > self._ended_at):
                    continue
                since = version
                if kind == "BOOKMARK":
                    thing = {"metadata": {"resourceVersion": str(version)}}  # noqa: PLW2901
                elif not _within(key, target[:4]) or not _chosen(thing, request):
                    continue
                await response.write(json.dumps({"type": kind, "object": thing}).encode() + b"\n")
            if ends.is_set():
                break
            await _first(changed, ends, breaks)
        return response

    def _key(self, target: tuple[str, str, str, str, str], thing: Mapping[str, Any]) -> Key:
        metadata = thing.get("metadata", {})
        return target[0], target[1] or metadata.get("namespace", ""), target[2], metadata["name"]


@asynccontextmanager
async def serving() -> AsyncIterator[KubeServer]:
    """A server for as long as the context lasts."""
    server = KubeServer()
    app = web.Application(client_max_size=4 << 20)
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = "http://{}:{}".format(*runner.addresses[0][:2])
        yield server
    finally:
        server.end_watches()
        await runner.cleanup()


@asynccontextmanager
async def connected(url: str, *, call_seconds: float = CALL_SECONDS) -> AsyncIterator[Kube]:
    """A client of it, as `kube.api.connected` makes one."""
    async with speaking(Configuration(host=url), call_seconds=call_seconds) as kube:
        yield kube


def refused(refusal: Refusal, **headers: str) -> web.Response:
    """The answer that an error is."""
    return web.json_response(refusal.status, status=refusal.code, headers=headers)


def _target(path: str) -> tuple[str, str, str, str, str]:
    found = _PATH.fullmatch(path)
    if not found:
        raise Refusal(404, f"the server could not find the requested resource {path}")
    parts = found.groupdict(default="")
    return parts["api"], parts["namespace"], parts["plural"], parts["name"], parts["sub"]


def _within(key: Key, wanted: Key) -> bool:
    api, namespace, plural, _ = wanted
    return key[0] == api and key[2] == plural and namespace in {"", key[1]}


def _chosen(thing: Mapping[str, Any], request: web.Request) -> bool:
    """By labels and, of the fields, by name."""
    name = request.query.get("fieldSelector", "").removeprefix("metadata.name=")
    named = not name or "=" in name or thing["metadata"]["name"] == name
    return named and _matches(thing, request.query.get("labelSelector", ""))


def _matches(thing: Mapping[str, Any], selector: str) -> bool:
    labels = thing["metadata"].get("labels") or {}
    for wanted in filter(None, selector.split(",")):
        name, equals, value = wanted.partition("=")
        if name not in labels or (equals and labels[name] != value):
            return False
    return True


def _half_of(old: Mapping[str, Any], new: dict[str, Any], half: str) -> dict[str, Any]:
    """`new` with what its door does not open to as it was."""
    kept = dict(old) if half else {**new, "status": old.get("status")}
    if half:
        kept["status"] = new.get("status")
    return {key: value for key, value in kept.items() if value is not None}


def _without_version(thing: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in thing["metadata"].items() if key != "resourceVersion"}
    return {**thing, "metadata": metadata}


def _patched(thing: dict[str, Any], patch: Any, kind: str) -> dict[str, Any]:
    if kind == "application/json-patch+json":
        try:
            changed: dict[str, Any] = jsonpatch.apply_patch(thing, patch)
        except jsonpatch.JsonPatchException as error:
            raise Refusal(422, str(error)) from error
        return changed
    if kind == "application/merge-patch+json":
        merged: dict[str, Any] = _merged(thing, patch)
        return merged
    if kind == "application/strategic-merge-patch+json" and set(patch["spec"]) == {"ephemeralContainers"}:
        before = thing["spec"].get("ephemeralContainers", [])
        containers = [*patch["spec"]["ephemeralContainers"], *before]  # new ones first, as the real one does
        return {**thing, "spec": {**thing["spec"], "ephemeralContainers": containers}}
    raise Refusal(400, f"no patch of kind {kind} here")


def _merged(old: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


async def _first(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
