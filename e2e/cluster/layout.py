"""Where everything of the test cluster is: names, addresses, folders. The only place that says so.

All state lies in one folder, all processes in one cgroup, all packets in network namespaces of one prefix;
so taking the cluster down needs no memory of how it was put up, even after a kill -9.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

NAME = "llm-monitor-e2e"
"""Prefix of every network namespace, and the name of the cgroup."""
KUBERNETES_VERSION = "1.34.4"
"""The same as in go.mod (a test compares)."""
HELM_VERSION = "4.3.1"
HELM_3_VERSION = "3.22.0"
METRICS_SERVER_VERSION = "0.9.0"

SERVICE_CIDR = "10.96.0.0/16"
KUBERNETES_SERVICE_IP = "10.96.0.1"
POD_CIDR = "10.244.0.0/16"
API_PORT = 6443


@dataclass(frozen=True, slots=True)
class Node:
    """A node: a network namespace with a containerd, a kubelet and a kube-proxy in it."""

    number: int
    """From 1; the control plane runs in the namespace of node 1."""

    @property
    def name(self) -> str:
        """The Kubernetes node's name."""
        return f"node-{self.number}"

    @property
    def namespace(self) -> str:
        """The network namespace's name."""
        return f"{NAME}-{self.number}"

    @property
    def namespace_path(self) -> Path:
        """What `nsenter --net=` takes."""
        return Path("/run/netns", self.namespace)

    @property
    def address(self) -> str:
        """The node's InternalIP."""
        return f"10.88.0.{self.number + 1}"

    @property
    def pod_cidr(self) -> str:
        """Addresses of its pods."""
        return f"10.244.{self.number}.0/24"


CONTROL_PLANE = Node(1)
API_URL = f"https://{CONTROL_PLANE.address}:{API_PORT}"


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders and files of one cluster below `root`; `cache` outlives it."""

    root: Path
    cache: Path

    @classmethod
    def from_environment(cls) -> Layout:
        """`E2E_CLUSTER_STATE` moves the state (short: sockets lie below), `XDG_CACHE_HOME` the cache."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cls(Path(os.environ.get("E2E_CLUSTER_STATE", f"/var/lib/{NAME}")), cache / "llm-monitor")

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.root / "pki"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.root / "logs"

    @property
    def audit_log(self) -> Path:
        """Requests of ServiceAccounts, one JSON document a line; e2e/cluster/audit.py reads it."""
        return self.logs / "audit.log"

    @property
    def kubeconfigs(self) -> Path:
        """One file per component."""
        return self.root / "kubeconfigs"

    @property
    def admin_kubeconfig(self) -> Path:
        """For people and tests."""
        return self.kubeconfigs / "admin"

    @property
    def built_binaries(self) -> Path:
        """The cache of what go.mod builds."""
        return self.cache / f"k8s-{KUBERNETES_VERSION}"

    def nodes(self) -> list[Node]:
        """The nodes of the cluster that is up."""
        numbers = sorted(int(folder.name.rpartition("-")[2]) for folder in self.root.glob("node-*"))
        return [Node(number) for number in numbers]

    def of_node(self, node: Node) -> Path:
        """Everything of one node: containerd's and the kubelet's folders, CNI, sockets."""
        return self.root / node.name
