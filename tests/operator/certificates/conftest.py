"""An API server in memory with what matters here (resource versions, 404 and 409), and a clock."""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonpatch
import pytest

from llmmonitor_operator.certificates.store import CertificateStore, Place
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Patch
from llmmonitor_operator.kube.errors import Conflict, NotFound

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
OWNER = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llm-monitor-operator", "uid": "u-1"}
PLACE = Place(namespace="llm-monitor", name="llm-monitor", owner=OWNER)
HOST = "llm-monitor-webhook.llm-monitor.svc"
CA = paths.secret("llm-monitor", "llm-monitor-webhook-ca")
TLS = paths.secret("llm-monitor", "llm-monitor-webhook-tls")
WEBHOOK = paths.webhook_configuration("llm-monitor")


def webhook_configuration() -> dict[str, Any]:
    service = {"name": "llm-monitor-webhook", "namespace": "llm-monitor", "path": "/mutate", "port": 443}
    entry = {"name": "inject.llmmonitor.io", "clientConfig": {"service": service}, "failurePolicy": "Ignore"}
    other = {"name": "other.example.com", "clientConfig": {"url": "https://other.example.com"}}
    return {"metadata": {"name": "llm-monitor"}, "webhooks": [other, entry]}


@dataclass
class Clock:
    """Time that passes when told."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass
class ApiServer:
    """Keeps objects by path."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    writes: list[tuple[str, str]] = field(default_factory=list)
    refuses: Exception | None = None
    version: int = 0

    def put(self, path: str, thing: Mapping[str, Any]) -> dict[str, Any]:
        self.version += 1
        kept = copy.deepcopy(dict(thing))
        kept["metadata"] = {**kept.get("metadata", {}), "resourceVersion": str(self.version)}
        self.objects[path] = kept
        return copy.deepcopy(kept)

    async def get(self, path: str) -> dict[str, Any]:
        if self.refuses:
            raise self.refuses
        if path not in self.objects:
            raise NotFound(404, "NotFound", f"{path} not found")
        return copy.deepcopy(self.objects[path])

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        path = f"{path}/{body['metadata']['name']}"
        if path in self.objects:
            raise Conflict(409, "AlreadyExists", f"{path} already exists")
        self.writes.append(("create", path))
        return self.put(path, body)

    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._check(path, body)
        self.writes.append(("replace", path))
        return self.put(path, body)

    async def patch(self, path: str, body: Any, kind: Patch) -> dict[str, Any]:
        assert kind is Patch.JSON
        changed = jsonpatch.apply_patch(self.objects[path], body)
        self._check(path, changed)
        self.writes.append(("patch", path))
        return self.put(path, changed)

    def _check(self, path: str, body: Mapping[str, Any]) -> None:
        if path not in self.objects:
            raise NotFound(404, "NotFound", f"{path} not found")
        if body["metadata"]["resourceVersion"] != self.objects[path]["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", f"{path} has been modified")

    def data(self, path: str, key: str) -> bytes:
        return base64.b64decode(self.objects[path]["data"].get(key, ""))

    def spoil(self, path: str, **data: bytes) -> None:
        """Somebody writes other content into a Secret; `tls_crt` means `tls.crt`."""
        encoded = {key.replace("_", "."): base64.b64encode(value).decode() for key, value in data.items()}
        self.put(path, {**self.objects[path], "data": {**self.objects[path]["data"], **encoded}})

    @property
    def ca_bundle(self) -> bytes:
        return base64.b64decode(self.objects[WEBHOOK]["webhooks"][1]["clientConfig"].get("caBundle", ""))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api() -> ApiServer:
    """With a release just installed: a webhook configuration without `caBundle`."""
    server = ApiServer()
    server.put(WEBHOOK, webhook_configuration())
    return server


@pytest.fixture
def store(api: ApiServer, clock: Clock) -> CertificateStore:
    return CertificateStore(api, PLACE, clock)
