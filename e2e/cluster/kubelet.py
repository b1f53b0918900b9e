"""The kubelet and kube-proxy of one node: configuration and command lines."""

from __future__ import annotations

import json
from pathlib import Path

from e2e.cluster import cgroups, containerd
from e2e.cluster.credentials import Credentials
from e2e.cluster.layout import POD_CIDR, Layout, Node
from e2e.cluster.processes import Program


def programs(layout: Layout, node: Node, binaries: Path, credentials: Credentials) -> list[Program]:
    """Writes the configurations; gives kubelet and kube-proxy."""
    folder = layout.of_node(node)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "resolv.conf").write_text("", encoding="utf-8")  # no DNS in the cluster, and none outside it
    kubelet = folder / "kubelet.json"
    configuration = kubelet_configuration(layout, node, credentials, cgroups.create_for_pods(node))
    kubelet.write_text(json.dumps(configuration, indent=1), "utf-8")
    proxy = folder / "kube-proxy.json"
    proxy.write_text(json.dumps(proxy_configuration(node, credentials), indent=1), "utf-8")
    own = credentials.kubeconfig(f"{node.name}-kubelet", f"system:node:{node.name}", ("system:nodes",))
    return [
        Program(
            f"{node.name}-kubelet",
            node,
            [
                binaries / "kubelet",
                f"--config={kubelet}",
                f"--kubeconfig={own}",
                f"--root-dir={folder / 'kubelet'}",
                f"--cert-dir={folder / 'kubelet-pki'}",
                f"--hostname-override={node.name}",
                f"--node-ip={node.address}",
            ],
        ),
        Program(f"{node.name}-kube-proxy", node, [binaries / "kube-proxy", f"--config={proxy}"]),
    ]


def kubelet_configuration(
    layout: Layout, node: Node, credentials: Credentials, cgroup_root: str
) -> dict[str, object]:
    """A KubeletConfiguration that asks little of the machine: swap may be on, disks may be nearly full."""
    folder = layout.of_node(node)
    server = credentials.kubelet_server(node)
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{containerd.socket(layout, node)}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(credentials.authority.files.certificate)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(server.certificate),
        "tlsPrivateKeyFile": str(server.key),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup_root,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "oomScoreAdj": 0,  # -999 needs CAP_SYS_RESOURCE
        "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "imageMinimumGCAge": "24h",
        "makeIPTablesUtilChains": False,
        "podLogsDir": str(folder / "pod-logs"),
        "volumePluginDir": str(layout.root / "volume-plugins"),
        "resolvConf": str(folder / "resolv.conf"),
        "nodeStatusUpdateFrequency": "5s",
        "shutdownGracePeriod": "0s",
    }


def proxy_configuration(node: Node, credentials: Credentials) -> dict[str, object]:
    """A KubeProxyConfiguration by nftables that leaves the machine's connection tracking as it is."""
    own = credentials.kubeconfig(f"{node.name}-kube-proxy", "system:kube-proxy")
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(own)},
        "hostnameOverride": node.name,
        "clusterCIDR": POD_CIDR,
        "mode": "nftables",
        "oomScoreAdj": 0,
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
