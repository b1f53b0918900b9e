"""Whether a service mesh redirects this pod's traffic already: two redirections in one pod fight.

Ambient meshes leave no container to find, only their rules and listeners inside the pod, and a mesh may come
after us: so it is looked for again and again. Known: Istio (sidecar and ambient), Linkerd, Kuma, Consul.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llmmonitor_sidecar.supervisor.ruleset import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmmonitor_sidecar.supervisor.socket_diagnosis import TcpSocket

LISTENERS = {
    15001: "Envoy outbound (Istio, Kuma)",
    15006: "Envoy inbound (Istio, Kuma)",
    15008: "HBONE (ztunnel, Istio ambient)",
    4143: "linkerd-proxy inbound",
}
_CHAINS = re.compile(
    r"chain (ISTIO_\w+|istio-\w+|PROXY_INIT_\w+|KUMA_MESH_\w+|CONSUL_\w+)"
    r"|table \w+ ([\w-]*(?:istio|kuma)[\w-]*)"
)


def found(rules: str, listeners: Iterable[TcpSocket]) -> str:
    """What of a mesh is there, in words; empty when nothing is.

    Args:
        rules: as `nft list ruleset` prints them.
        listeners: the network namespace's listening sockets.
    """
    for match in _CHAINS.finditer(rules):
        name = match[1] or match[2]
        if name != TABLE:
            return f"nftables has {name}"
    for socket in listeners:
        if socket.local_port in LISTENERS:
            return f"port {socket.local_port} is {LISTENERS[socket.local_port]}"
    return ""
