"""containerd and the pod network of one node: configuration and command line.

All of it below the node's folder, so that it can live beside a containerd of the machine's own.
"""

from __future__ import annotations

import json
from pathlib import Path

from e2e.cluster import packages
from e2e.cluster.layout import Layout, Node
from e2e.cluster.processes import Program

CNI_PLUGINS = Path("/usr/lib/cni")
PAUSE_IMAGE = "localhost/llm-monitor-e2e/pause:1"


def socket(layout: Layout, node: Node) -> Path:
    """Where containerd listens, for the kubelet and ctr."""
    return layout.of_node(node) / "containerd.sock"


def program(layout: Layout, node: Node) -> Program:
    """Writes the configuration; gives the daemon."""
    folder = layout.of_node(node)
    networks = folder / "cni"
    networks.mkdir(parents=True, exist_ok=True)
    (networks / "10-pods.conflist").write_text(
        json.dumps(pod_network(layout, node), indent=1), encoding="utf-8"
    )
    path = folder / "containerd.toml"
    path.write_text(configuration(layout, node), encoding="utf-8")
    return Program(f"{node.name}-containerd", node, [_found("containerd"), "--config", path])


def configuration(layout: Layout, node: Node) -> str:
    """containerd's configuration file, version 2 (containerd 1.6 and later).

    restrict_oom_score_adj: without CAP_SYS_RESOURCE (a container, many CI machines) the kubelet's -998 for
    sandboxes would be refused, and no pod would start.
    """
    folder = layout.of_node(node)
    return f"""
version = 2
root = "{folder}/containerd"
state = "{folder}/run"
oom_score = 0

[grpc]
address = "{socket(layout, node)}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true
stream_server_address = "127.0.0.1"

[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{_found("runc")}"
Root = "{folder}/runc"
SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{CNI_PLUGINS}"
conf_dir = "{folder}/cni"

[plugins."io.containerd.internal.v1.opt"]
path = "{folder}/opt"
"""


def pod_network(layout: Layout, node: Node) -> dict[str, object]:
    """CNI: each pod has a cable of its own to the node (ptp), so that pod to Service to pod is always routed.

    With the bridge plug-in, the answer of a pod on the same node would come back by the bridge, past the
    translation of addresses, unless the kernel has br_netfilter.
    """
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": node.pod_cidr}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(layout.of_node(node) / "cni-addresses"),
    }
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {"type": "ptp", "ipMasq": False, "ipam": addresses},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def ctr(layout: Layout, node: Node, *arguments: str | Path) -> list[str]:
    """A ctr command on the node's containerd, in the namespace that Kubernetes uses."""
    return [
        str(_found("ctr")),
        f"--address={socket(layout, node)}",
        "--namespace=k8s.io",
        *map(str, arguments),
    ]


def _found(program: str) -> Path:
    found = packages.program_path(program)
    assert found, f"packages.ensure() would have brought {program}"
    return found
