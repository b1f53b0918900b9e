"""Pods whose traffic is not read: each has the sidecar all the same, a reason of its own, and its figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e import chat, model_pods, recorded_engine, small_models
from e2e.cluster.pki import Authority
from e2e.kubectl import Kubectl
from e2e.model_pods import PYTHON
from e2e.waiting import condition

MINUTES = 60.0
ON_THE_NODE, IN_A_MESH, NOT_WANTED, ENCRYPTED = "on-the-node", "in-a-mesh", "not-wanted", "encrypted"
REASONS = {ON_THE_NODE: "HostNetwork", IN_A_MESH: "MeshRedirects", NOT_WANTED: "NotConfigured"}
NODE_PORT = 24_100
"""Free on the nodes."""
HOST = "model.example"
SERVER = """
import http.server, ssl
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")
    def log_message(self, *_): pass
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
server = http.server.ThreadingHTTPServer(("", 8000), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
"""
CLIENT = """
import json, socket, ssl, sys
address, name, authority = sys.argv[1:]
context = ssl.create_default_context(cadata=authority)
answers = []
for _ in range(20):
    with socket.create_connection((address, 8000), timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname=name) as secure:
            secure.sendall(b"GET / HTTP/1.1\\r\\nhost: model\\r\\nconnection: close\\r\\n\\r\\n")
            answers.append(b"".join(iter(lambda: secure.recv(4096), b"")).endswith(b"hello"))
print(json.dumps(answers))
"""
TABLES = """
import ctypes, json
nft = ctypes.CDLL("libnftables.so.1")
nft.nft_ctx_new.restype = ctypes.c_void_p
nft.nft_ctx_get_output_buffer.restype = ctypes.c_char_p
context = ctypes.c_void_p(nft.nft_ctx_new(0))
nft.nft_ctx_buffer_output(context)
assert nft.nft_run_cmd_from_buffer(context, b"list tables") == 0
print(json.dumps(nft.nft_ctx_get_output_buffer(context).decode().splitlines()))
"""
"""What `nft list tables` says, without the program."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("tls"), "e2e-tls")


@pytest.fixture(scope="module")
def pods(proved: Kubectl, sidecar_image: str, authority: Authority) -> Iterator[Kubectl]:
    """One Deployment and one monitor of each kind; the sidecar is injected into all."""
    mesh = model_pods.container("istio-proxy", sidecar_image, model_pods.WAIT)
    kinds: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        ON_THE_NODE: (
            {"target": recorded_engine.target(NODE_PORT)},
            recorded_engine.pod(sidecar_image, port=NODE_PORT, hostNetwork=True),
        ),
        IN_A_MESH: ({"target": recorded_engine.target()}, recorded_engine.pod(sidecar_image, mesh)),
        NOT_WANTED: (
            {"target": recorded_engine.target(), "interception": {"mode": "Off"}},
            recorded_engine.pod(sidecar_image),
        ),
        ENCRYPTED: (
            {"target": recorded_engine.target(), "interception": {"maxAddedLatency": "1s"}},
            _encrypted(sidecar_image),
        ),
    }
    proved.apply(recorded_engine.site(), _certificate(authority))
    proved.apply(*(small_models.monitor(name, **spec) for name, (spec, _) in kinds.items()))
    proved.apply(*(small_models.deployment(name, {}, **pod) for name, (_, pod) in kinds.items()))
    yield proved
    small_models.remove(proved, *kinds)


def _certificate(authority: Authority) -> dict[str, Any]:
    issued = authority.issue("server", HOST, hosts=(HOST,))
    data = {"tls.crt": issued.certificate.read_text(), "tls.key": issued.key.read_text()}
    metadata = {"name": ENCRYPTED}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": metadata,
        "stringData": data,
    }


def _encrypted(image: str) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/", "port": model_pods.PORT, "scheme": "HTTPS"}, "periodSeconds": 2}
    mount = {"name": "tls", "mountPath": "/tls"}
    command = [PYTHON, "-c", SERVER]
    server = small_models.server(image, command=command, readinessProbe=probe, volumeMounts=[mount])
    return {"containers": [server], "volumes": [{"name": "tls", "secret": {"secretName": ENCRYPTED}}]}


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
def test_the_reason_is_said_and_the_rest_works(pods: Kubectl, name: str, reason: str) -> None:
    pods("rollout", "status", f"deployment/{name}", "--timeout=180s")

    condition(pods, name, 3 * MINUTES, Ready="True", Injected="True", Reporting="True", Intercepting=reason)
    status = recorded_engine.seen(pods, name)

    [pod] = chat.pods(pods, name)
    assert small_models.injected(pod)
    assert status["engine"]["name"] == "VLLM"
    assert status["resources"]["kvCacheShare"] == recorded_engine.KV_CACHE_SHARE
    assert status["resources"]["memoryUsedBytes"] > 0


def test_the_nodes_packet_filter_is_left_alone(pods: Kubectl, sidecar_image: str) -> None:
    condition(pods, ON_THE_NODE, 3 * MINUTES, Injected="True", Reporting="True")
    [pod] = chat.pods(pods, ON_THE_NODE)
    look = model_pods.container("look", sidecar_image, model_pods.WAIT)
    look["securityContext"] = model_pods.NET_ADMIN_FOR_A_MOMENT_AS_ROOT
    node = pod["spec"]["nodeName"]
    pods.apply(model_pods.pod("look", look, hostNetwork=True, nodeName=node))
    pods("wait", "--for=condition=Ready", "pod/look", "--timeout=90s")

    tables = model_pods.run(pods, "look", TABLES)

    pods("delete", "pod/look", "--wait=false")
    assert [table for table in tables if "llmmonitor" in table] == []


def test_tls_passes_unchanged_and_is_said_to_be_unreadable(
    pods: Kubectl, sidecar_image: str, authority: Authority
) -> None:
    pods("rollout", "status", f"deployment/{ENCRYPTED}", "--timeout=180s")
    condition(pods, ENCRYPTED, 3 * MINUTES, Ready="True", Injected="True", Reporting="True")
    [pod] = chat.pods(pods, ENCRYPTED)
    pods.apply(model_pods.pod("by-tls", model_pods.container("client", sidecar_image, model_pods.WAIT)))
    pods("wait", "--for=condition=Ready", "pod/by-tls", "--timeout=90s")

    trusted = Path(authority.files.certificate).read_text(encoding="ascii")
    answers = model_pods.run(pods, "by-tls", CLIENT, pod["status"]["podIP"], HOST, trusted)
    found = condition(pods, ENCRYPTED, 2 * MINUTES, Intercepting="Encrypted")

    pods("delete", "pod/by-tls", "--wait=false")
    assert answers == [True] * 20
    assert small_models.injected(pod)
    assert found["Intercepting"]["status"] == "False"
    assert "all TLS: forwarded, not readable" in found["Intercepting"]["message"]
    status = pods.get(f"llmmonitor/{ENCRYPTED}")["status"]
    assert status["resources"]["memoryUsedBytes"] > 0
    assert status["window"]["requests"] == 0
