"""A webhook that serves HTTPS on loopback, its API server in memory, and a client as an API server is one.

The AdmissionReviews in `fixtures/` were recorded from kube-apiserver 1.34.4: a pod of a Deployment that
serves with vLLM, and one made by `kubectl run`; only the namespace's name was changed.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.operator.kube_server import KubeServer

from llmmonitor_operator.certificates.authority import Authority, Pair, issue, make_authority
from llmmonitor_operator.certificates.pem import write_certificates, write_key
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.preflight.fingerprint import fingerprint
from llmmonitor_operator.preflight.verdict import Common, NamespaceVerdict, Verdicts, write
from llmmonitor_operator.process_settings import WebhookSettings
from llmmonitor_operator.webhook.run import Webhook, serving

HOST = "llm-monitor-webhook.llm-monitor.svc"
IMAGE = "registry.example/llm-monitor-sidecar@sha256:" + "a" * 64
OWN = "llm-monitor"
FIXTURES = Path(__file__).with_name("fixtures")
PROD = {
    "metadata": {
        "name": "prod",
        "uid": "7c1d0000-0000-4000-8000-000000000000",
        "labels": {"kubernetes.io/metadata.name": "prod"},
    }
}
MONITOR = {
    "apiVersion": "llmmonitor.io/v1alpha1",
    "kind": "LLMMonitor",
    "metadata": {"name": "chat", "namespace": "prod"},
    "spec": {"selector": {"matchLabels": {"app": "chat"}}},
}
VERDICT = NamespaceVerdict(
    fingerprint=fingerprint(PROD, [], []), transparent=True, plain=True, proved_image=IMAGE
)
COMMON = Common(image=IMAGE, public_keys=(base64.b64encode(bytes(32)).decode(),), server_version="1.34")


def review(name: str = "replica_set_pod", **request: Any) -> dict[str, Any]:
    """A recorded AdmissionReview, with other fields in its request."""
    document: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    document["request"] |= request
    return document


@dataclass
class Mount:
    """A Secret as the kubelet mounts it: links into a folder, which is changed by turning one link."""

    folder: Path
    authority: Authority = field(default_factory=lambda: make_authority("ours", datetime.now(UTC)))
    versions: int = 0

    def serve(self, *, now: datetime | None = None) -> Pair:
        """Mount a new certificate."""
        pair = issue(self.authority, [HOST], now or datetime.now(UTC))
        self.put(write_certificates([pair.certificate]), write_key(pair.key))
        return pair

    def put(self, certificate: bytes, key: bytes) -> None:
        """Mount whatever it is."""
        self.folder.mkdir(exist_ok=True)
        self.versions += 1
        version = self.folder / f"..version-{self.versions}"
        version.mkdir()
        (version / "tls.crt").write_bytes(certificate)
        (version / "tls.key").write_bytes(key)
        turned = self.folder / "..data_tmp"
        turned.symlink_to(version.name)
        turned.rename(self.folder / "..data")
        for name in ("tls.crt", "tls.key"):
            if not os.path.lexists(self.folder / name):
                (self.folder / name).symlink_to(f"..data/{name}")

    def empty(self) -> None:
        """As when an optional Secret is deleted."""
        for name in ("tls.crt", "tls.key", "..data"):
            (self.folder / name).unlink()

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """What an API server with our `caBundle` trusts."""
        bundle = write_certificates([self.authority.certificate]).decode()
        return ssl.create_default_context(cadata=bundle)


@dataclass
class Cluster:
    """What the webhook watches, as the operator would have left it."""

    server: KubeServer
    renewals: int = 0

    def complete(self) -> None:
        """Everything an injection needs."""
        self.server.put(paths.NAMESPACES, PROD)
        self.server.put(paths.monitors("prod"), MONITOR)
        self.verdict(VERDICT)
        self.renew()

    def verdict(self, verdict: NamespaceVerdict) -> None:
        data = write(Verdicts(COMMON, {"prod": verdict}))
        self.server.put(paths.config_maps(OWN), {"metadata": {"name": "llm-monitor-verdicts"}, "data": data})

    def renew(self, ago: timedelta = timedelta(0)) -> None:
        self.renewals += 1
        at = (datetime.now(UTC) - ago).isoformat(timespec="microseconds").replace("+00:00", "Z")
        lease = {
            "metadata": {"name": "llm-monitor-operator"},
            "spec": {"holderIdentity": "a", "renewTime": at},
        }
        self.server.put(paths.leases(OWN), lease)


@dataclass
class Client:
    """Speaks to one webhook."""

    webhook: Webhook
    mount: Mount
    session: aiohttp.ClientSession

    async def post(
        self, body: bytes, path: str = "/mutate", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        url = f"https://127.0.0.1:{self.webhook.tls_port}{path}"
        async with self.session.post(
            url, data=io.BytesIO(body), ssl=self.mount.trust, server_hostname=HOST, headers=headers
        ) as response:
            return response.status, await response.read()

    async def ask(self, document: dict[str, Any] | bytes) -> dict[str, Any]:
        """The `response` to an AdmissionReview, which always is one."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        status, answered = await self.post(body)
        assert status == 200
        answer = json.loads(answered)
        assert (answer["apiVersion"], answer["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
        response: dict[str, Any] = answer["response"]
        assert response["allowed"] is True
        return response

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(f"http://127.0.0.1:{self.webhook.port}{path}") as response:
            return response.status, await response.text()

    async def until_ready(self) -> None:
        await self.until(lambda status, _text: status == 200)

    async def until(self, holds: Callable[[int, str], bool], path: str = "/readyz") -> str:
        """Ask until the answer is so; gives it."""
        async with asyncio.timeout(10):
            while True:
                status, text = await self.get(path)
                if holds(status, text):
                    return text
                await asyncio.sleep(0.02)


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    """With a good certificate."""
    one = Mount(tmp_path / "tls")
    one.serve()
    return one


@pytest.fixture
def cluster(server: KubeServer) -> Cluster:
    return Cluster(server)


@pytest.fixture
async def client(kube: Kube, cluster: Cluster, mount: Mount) -> AsyncIterator[Client]:  # noqa: ARG001 - first
    """A webhook that serves; `cluster.complete()` gives it something to say."""
    settings = WebhookSettings(namespace=OWN, port=0, tls_port=0, tls_dir=mount.folder)
    async with serving(kube, settings, "127.0.0.1") as webhook, aiohttp.ClientSession() as session:
        yield Client(webhook, mount, session)
