"""An API server on loopback with what the operator relies on, in memory; faults on demand.

Over a real socket: paging, watches with bookmarks, resource versions and their conflicts, the status
subresource, JSON and merge patches, dry runs, expiry of old versions. What the operator does not use (other
patches, validation by schema, admission) is not there: that is tried on a real one. What it does with objects
is in `kube_objects`, what with watches in `kube_watches`.
"""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from aiohttp import web
from kubernetes.aio.client import Configuration
from tests.operator.kube_objects import (
    Key,
    Target,
    as_asked,
    chosen,
    half_of,
    patched,
    target_of,
    within,
    without_version,
)
from tests.operator.kube_refusal import Refusal, refused
from tests.operator.kube_watches import Watches

from llmmonitor_operator.kube.api import CALL_SECONDS, Kube, speaking

__all__ = ["Fault", "KubeServer", "Refusal", "connected", "refused", "serving"]

Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
AUTHORITY = Path(__file__).with_name("nobodys_authority.pem")
"""One certificate, as in a pod: without it each client reads all that the system trusts, to speak HTTP."""
_WITH_STATUS = frozenset({"llmmonitors", "pods", "deployments"})


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
    _watches: Watches = field(default_factory=Watches)
    _pages: dict[str, tuple[int, deque[dict[str, Any]]]] = field(default_factory=dict)

    # What a test does

    def put(self, path: str, thing: Mapping[str, Any]) -> dict[str, Any]:
        """Create or replace an object by the path of its collection, as somebody else would."""
        target = target_of(path)
        key = self._key(target, thing)
        return self._store(key, copy.deepcopy(dict(thing)), self.objects.get(key))

    def remove(self, path: str) -> None:
        """Delete an object by its path."""
        self._drop(target_of(path))

    def at(self, path: str) -> dict[str, Any]:
        """The object at a path."""
        return self.objects[target_of(path)[:4]]

    def has(self, path: str) -> bool:
        """Whether there is one."""
        return target_of(path)[:4] in self.objects

    def writes(self) -> list[str]:
        """What was asked that changes something."""
        return [line for line in self.asked if not line.startswith("GET")]

    def watches(self) -> list[str]:
        """The watches that were begun."""
        return [line for line in self.asked if "watch=true" in line]

    def forget_history(self) -> None:
        """As after a compaction of etcd: no watch and no page goes on from before now."""
        self.version += 1
        self._watches.forget(self.version)

    def end_watches(self) -> None:
        """As their time-out does: what happened until now is still told."""
        self._watches.end(self.version)

    def break_watches(self) -> None:
        """As a dying connection does."""
        self._watches.break_off()

    def bookmark(self) -> None:
        """Tell every watch the present version."""
        self.version += 1
        self._watches.bookmark(self.version)

    # What the API server does

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        self.asked.append(f"{request.method} {request.path_qs}")
        try:
            if self.fault is not None and (answer := await self.fault(request)) is not None:
                return answer
            target = target_of(request.path)
            if request.method == "GET" and request.query.get("watch") == "true":
                return await self._watches.tell(request, target, self.version)
            body = await request.json() if request.body_exists else None
            code, result = self._do(request, target, body)
        except Refusal as refusal:
            return refused(refusal)
        return web.json_response(as_asked(result, request), status=code)

    def _do(self, request: web.Request, target: Target, body: Any) -> tuple[int, dict[str, Any]]:
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
                changed = patched(self._existing(key), body, request.content_type)
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
            new = half_of(old, new, half)
        if without_version(new) == without_version(old):
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
            self._watches.note(self.version, key, "MODIFIED" if old else "ADDED", stored)
        return copy.deepcopy(stored)

    def _drop(self, target: Target) -> None:
        gone = self.objects.pop(target[:4])
        self.version += 1
        gone = {**gone, "metadata": gone["metadata"] | {"resourceVersion": str(self.version)}}
        self._watches.note(self.version, target[:4], "DELETED", gone)

    def _list(self, request: web.Request, key: Key) -> dict[str, Any]:
        token = request.query.get("continue", "")
        if token:
            version, left = self._pages.pop(token, (0, deque()))
            if version < self._watches.oldest or not left:
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
            if within(key, wanted) and chosen(self.objects[key], request):
                yield self.objects[key]

    def _key(self, target: Target, thing: Mapping[str, Any]) -> Key:
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
    configuration = Configuration(host=url)
    configuration.ssl_ca_cert = str(AUTHORITY)
    async with speaking(configuration, call_seconds=call_seconds) as kube:
        yield kube
