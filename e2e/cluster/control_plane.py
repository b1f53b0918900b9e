"""etcd, the API server, the controllers and the scheduler: their command lines.

The authority signs for all; etcd alone speaks plain HTTP, on the loopback device of a namespace of its own.
It does not wait for disks: what it stores is thrown away.
"""

from __future__ import annotations

import json
from pathlib import Path

from e2e.cluster import audit
from e2e.cluster.credentials import Credentials
from e2e.cluster.layout import API_PORT, CONTROL_PLANE, POD_CIDR, SERVICE_CIDR, Layout
from e2e.cluster.processes import Program

_ETCD_URL = "http://127.0.0.1:2379"
_ETCD_PEER_URL = "http://127.0.0.1:2380"


def server(layout: Layout, binaries: Path, credentials: Credentials) -> list[Program]:
    """The API server and its store."""
    return [
        _program(binaries, "etcd", _etcd(layout)),
        _program(binaries, "kube-apiserver", _api_server(layout, credentials)),
    ]


def controllers(binaries: Path, credentials: Credentials) -> list[Program]:
    """What gives up when the API server is not yet ready: it must have made their roles."""
    return [
        _program(binaries, "kube-controller-manager", _controller_manager(credentials)),
        _program(binaries, "kube-scheduler", _scheduler(credentials)),
    ]


def _program(binaries: Path, name: str, flags: dict[str, str | Path]) -> Program:
    return Program(name, CONTROL_PLANE, [binaries / name, *(f"--{key}={of}" for key, of in flags.items())])


def _etcd(layout: Layout) -> dict[str, str | Path]:
    return {
        "data-dir": layout.root / "etcd",
        "listen-client-urls": _ETCD_URL,
        "advertise-client-urls": _ETCD_URL,
        "listen-peer-urls": _ETCD_PEER_URL,
        "initial-advertise-peer-urls": _ETCD_PEER_URL,
        "initial-cluster": f"default={_ETCD_PEER_URL}",
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }


def _api_server(layout: Layout, credentials: Credentials) -> dict[str, str | Path]:
    authority = credentials.authority.files.certificate
    policy = layout.root / "audit-policy.json"
    policy.write_text(json.dumps(audit.POLICY, indent=1), encoding="utf-8")
    return {
        "audit-policy-file": policy,
        "audit-log-path": layout.audit_log,
        "audit-log-maxsize": "2000",  # megabytes; a rotated log would be half of the truth
        "etcd-servers": _ETCD_URL,
        "advertise-address": CONTROL_PLANE.address,
        "secure-port": str(API_PORT),
        "service-cluster-ip-range": SERVICE_CIDR,
        "allow-privileged": "true",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "client-ca-file": authority,
        "tls-cert-file": credentials.api_server.certificate,
        "tls-private-key-file": credentials.api_server.key,
        "kubelet-certificate-authority": authority,
        "kubelet-client-certificate": credentials.api_server_to_kubelets.certificate,
        "kubelet-client-key": credentials.api_server_to_kubelets.key,
        # A node's name resolves nowhere here: logs and exec go to its address.
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": credentials.service_accounts.public,
        "service-account-signing-key-file": credentials.service_accounts.private,
        "requestheader-client-ca-file": credentials.front_proxy_authority.files.certificate,
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": credentials.front_proxy.certificate,
        "proxy-client-key-file": credentials.front_proxy.key,
    }


def _controller_manager(credentials: Credentials) -> dict[str, str | Path]:
    own = credentials.kubeconfig("kube-controller-manager", "system:kube-controller-manager")
    return {
        "kubeconfig": own,
        "authentication-kubeconfig": own,
        "authorization-kubeconfig": own,
        "bind-address": "127.0.0.1",
        "cluster-cidr": POD_CIDR,
        "leader-elect": "false",
        "root-ca-file": credentials.authority.files.certificate,
        "service-account-private-key-file": credentials.service_accounts.private,
        "use-service-account-credentials": "true",
        "flex-volume-plugin-dir": credentials.layout.root / "volume-plugins",
    }


def _scheduler(credentials: Credentials) -> dict[str, str | Path]:
    own = credentials.kubeconfig("kube-scheduler", "system:kube-scheduler")
    return {
        "kubeconfig": own,
        "authentication-kubeconfig": own,
        "authorization-kubeconfig": own,
        "bind-address": "127.0.0.1",
        "leader-elect": "false",
    }
