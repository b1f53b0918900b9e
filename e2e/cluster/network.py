"""Network namespaces that hold every packet and every firewall rule of the cluster.

Nothing leads out: a veth pair joins the nodes (or, with one node, ends in the same namespace), and the
default route, which kube-proxy and the kubelet want to see, leads to an address that nobody has.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from e2e.cluster.layout import NAME, Node

_NAMESPACES = Path("/run/netns")
_NOBODY = "10.88.0.1"
_SYSCTLS = (
    "net.ipv4.ip_forward=1",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
    "net.ipv4.conf.all.route_localnet=1",
)
_BRIDGED = ("net.bridge.bridge-nf-call-iptables=0", "net.bridge.bridge-nf-call-ip6tables=0")
"""Where the kernel filters what it bridges: packets of the first node to the others pass its own bridge, and
would be tracked twice. One that a Service has redirected then clashes with itself, and is dropped."""
_TIMEOUT_SECONDS = 30


def create(nodes: Sequence[Node]) -> None:
    """A namespace for each node, joined by a bridge in the first one's namespace."""
    for node in nodes:
        _ip("netns", "add", node.namespace)
    first = nodes[0]
    _ip("-n", first.namespace, "link", "add", "nodes", "type", "bridge")
    for node in nodes:
        port = f"port{node.number}"
        pair = ("type", "veth", "peer", "name", "eth0", "netns", node.namespace)
        _ip("-n", first.namespace, "link", "add", port, *pair)
        _ip("-n", first.namespace, "link", "set", port, "master", "nodes", "up")
    _ip("-n", first.namespace, "link", "set", "nodes", "up")
    for node in nodes:
        _configure(node, [other for other in nodes if other != node])


def _configure(node: Node, others: Sequence[Node]) -> None:
    _ip("-n", node.namespace, "link", "set", "lo", "up")
    _ip("-n", node.namespace, "address", "add", f"{node.address}/24", "dev", "eth0")
    _ip("-n", node.namespace, "link", "set", "eth0", "up")
    _ip("-n", node.namespace, "route", "add", "default", "via", _NOBODY)
    for other in others:
        _ip("-n", node.namespace, "route", "add", other.pod_cidr, "via", other.address)
    for setting in (*_SYSCTLS, *_BRIDGED):
        name, value = setting.split("=")
        file = f"/proc/sys/{name.replace('.', '/')}"
        absent = f"[ ! -e {file} ] || " if setting in _BRIDGED else ""
        _run([*inside(node), "sh", "-c", f"{absent}echo {value} > {file}"])


def inside(node: Node) -> list[str]:
    """The start of a command that runs in the node's network.

    nsenter and not `ip netns exec`: that mounts a fresh /sys, which hides the cgroups from the runtime.
    """
    return ["nsenter", f"--net={node.namespace_path}", "--"]


def delete_all() -> None:
    """Delete every namespace with our prefix; none may be left over from a run that was killed."""
    if not _NAMESPACES.is_dir():
        return
    for namespace in _NAMESPACES.iterdir():
        if namespace.name.startswith(f"{NAME}-"):
            _ip("netns", "delete", namespace.name)


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments])


def _run(command: list[str]) -> None:
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"}
    subprocess.run(command, check=True, timeout=_TIMEOUT_SECONDS, env=environment)
