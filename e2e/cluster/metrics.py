"""metrics-server, which `kubectl top` and autoscaling by CPU ask: beside the control plane, not in a pod.

The API server finds it as it finds any aggregated API: by an APIService and a Service, here one whose
endpoint is written by hand.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from e2e.cluster.credentials import Credentials
from e2e.cluster.layout import CONTROL_PLANE
from e2e.cluster.processes import Program

_PORT = 10443
_NAME = "metrics-server"
_PLACE = {"name": _NAME, "namespace": "kube-system"}
_VERSION = "v1beta1"
_GROUP = "metrics.k8s.io"


def program(binary: Path, credentials: Credentials) -> Program:
    """The daemon. It may do everything: in this cluster nobody checks what it asks for."""
    own = credentials.kubeconfig(_NAME, _NAME, ("system:masters",))
    server = credentials.authority.issue(f"{_NAME}-server", _NAME, hosts=(f"{_NAME}.kube-system.svc",))
    flags = {
        "kubeconfig": own,
        "authentication-kubeconfig": own,
        "authorization-kubeconfig": own,
        "bind-address": CONTROL_PLANE.address,
        "secure-port": _PORT,
        "tls-cert-file": server.certificate,
        "tls-private-key-file": server.key,
        "kubelet-certificate-authority": credentials.authority.files.certificate,
        "kubelet-preferred-address-types": "InternalIP",
        "metric-resolution": "15s",
    }
    return Program(_NAME, CONTROL_PLANE, [binary, *(f"--{key}={value}" for key, value in flags.items())])


def objects(credentials: Credentials) -> list[dict[str, Any]]:
    """What makes the API server ask it for metrics.k8s.io."""
    authority = credentials.authority.files.certificate.read_bytes()
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _PLACE,
            "spec": {"ports": [{"name": "https", "port": 443, "targetPort": _PORT}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**_PLACE, "labels": {"kubernetes.io/service-name": _NAME}},
            "addressType": "IPv4",
            "ports": [{"name": "https", "port": _PORT}],
            "endpoints": [{"addresses": [CONTROL_PLANE.address], "conditions": {"ready": True}}],
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{_VERSION}.{_GROUP}"},
            "spec": {
                "group": _GROUP,
                "version": _VERSION,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "service": {"name": _NAME, "namespace": "kube-system", "port": 443},
                "caBundle": base64.b64encode(authority).decode(),
            },
        },
    ]
