"""Pods for the sidecar's own tests, without operator and webhook: a model that is ten lines, and a client.

Everything runs in the sidecar's image, which has a Python. What would be written by the operator is written
here by hand, so that a mistake of one is no mistake of the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from e2e.kubectl import Kubectl, Refused

PYTHON = "/opt/llm-monitor/bin/python3"
PORT = 8000
API_PORT = 14002
NET_ADMIN_FOR_A_MOMENT_AS_ROOT = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "SETGID", "SETUID"]},
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsUser": 0,
    "runAsGroup": 0,
    "runAsNonRoot": False,
    "seccompProfile": {"type": "RuntimeDefault"},
}
NOTHING = {
    **NET_ADMIN_FOR_A_MOMENT_AS_ROOT,
    "capabilities": {"drop": ["ALL"]},
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "runAsNonRoot": True,
}
_FIELDS = {"POD_UID": "metadata.uid", "POD_IP": "status.podIP", "HOST_IP": "status.hostIP"}

SERVER = """
import http.server, os, pathlib, sys, time
gate = pathlib.Path(sys.argv[2])
while not gate.exists():
    time.sleep(0.1)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/end": os._exit(1)
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
"""
WAIT = "import signal; signal.sigwait({signal.SIGTERM})"


def container(name: str, image: str, script: str, *arguments: str, **fields: Any) -> dict[str, Any]:
    """A container that runs a Python program."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [PYTHON, "-c", script, *arguments],
        "securityContext": {"runAsUser": 0},
        **fields,
    }


def pod(name: str, *containers: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    """A pod that ends quickly."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "containers": list(containers),
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            **spec,
        },
    }


def model(image: str, gate: str = "/", **fields: Any) -> dict[str, Any]:
    """A server on PORT, once the file `gate` is there."""
    return container("model", image, SERVER, str(PORT), gate, **fields)


def client(image: str, beside: str = "model") -> dict[str, Any]:
    """A pod to ask from, on the node of the pod `beside`, so that both have one clock."""
    term = {"labelSelector": {"matchLabels": {"app": beside}}, "topologyKey": "kubernetes.io/hostname"}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return pod("client", container("client", image, WAIT), affinity=affinity)


def settings(mode: str, **values: str) -> list[dict[str, Any]]:
    """The sidecar's environment."""
    said = {"MODE": mode, "TARGET_PORT": str(PORT), "STOP_GRACE": "0s", "MAX_ADDED_LATENCY": "2s", **values}
    return [
        *({"name": f"LLM_MONITOR_{name}", "value": value} for name, value in said.items()),
        *(
            {"name": f"LLM_MONITOR_{name}", "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for name, path in _FIELDS.items()
            if name not in said
        ),
    ]


def native(image: str, mode: str = "transparent", **values: str) -> dict[str, Any]:
    """The sidecar as the webhook injects it."""
    transparent = mode == "transparent"
    return {
        "name": "llm-monitor-sidecar",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        "env": settings(mode, **values),
        "securityContext": NET_ADMIN_FOR_A_MOMENT_AS_ROOT if transparent else NOTHING,
    }


def attach(
    namespace: Kubectl,
    name: str,
    image: str,
    number: int = 1,
    *,
    command: Sequence[str] = (),
    **values: str,
) -> None:
    """The sidecar as the operator attaches it to a running pod; `values` go over its settings."""
    running = namespace.get(f"pod/{name}")
    status, metadata = running["status"], running["metadata"]
    identity = {"POD_UID": metadata["uid"], "POD_IP": status["podIP"], "HOST_IP": status["hostIP"]}
    attached = {
        "name": f"llm-monitor-{number}",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "targetContainerName": "model",
        "env": settings("transparent", **identity, **values),
        "securityContext": NET_ADMIN_FOR_A_MOMENT_AS_ROOT,
        **({"command": list(command)} if command else {}),
    }
    running["spec"].setdefault("ephemeralContainers", []).append(attached)
    del metadata["resourceVersion"]  # a kubelet that reports meanwhile is no conflict
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{name}/ephemeralcontainers"
    namespace("replace", f"--raw={path}", "--filename=-", document=running)


def ask(namespace: Kubectl, name: str, path: str = "/healthz", port: int = API_PORT) -> str:
    """What a pod answers, by the API server's proxy; empty while it does not."""
    try:
        return namespace(
            "get", f"--raw=/api/v1/namespaces/{namespace.namespace}/pods/{name}:{port}/proxy{path}"
        )
    except Refused:
        return ""


def health(namespace: Kubectl, name: str) -> dict[str, Any]:
    """What the sidecar of a pod says in a glance; empty while it does not answer."""
    answer = ask(namespace, name)
    return dict(json.loads(answer)) if answer else {}


def reads(namespace: Kubectl, name: str = "model") -> bool:
    """Whether the sidecar of a pod reads its traffic."""
    return bool(health(namespace, name).get("reading"))


def run(namespace: Kubectl, name: str, script: str, *arguments: str) -> Any:
    """Run a Python program in a pod's first container; what it prints, read as JSON."""
    return json.loads(namespace("exec", name, "--", PYTHON, "-c", script, *arguments))
