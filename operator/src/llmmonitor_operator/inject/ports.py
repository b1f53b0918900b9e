"""Ports of the sidecar's own, beside those of the pod.

Containers of a pod share one network, so that a port that anyone declares is taken. Pods on the node's
network share it with each other too: there the numbers move with the model's port, which two such pods on one
node can't have in common. Where they meet all the same, the sidecar that comes second finds its port taken,
and the pass says so (`reconcile/sidecars/pulling.py`).
"""

from __future__ import annotations

from llmmonitor_api.spec.interception import MESH_PORTS, Interception
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.commands import HIGHEST_PORT
from llmmonitor_operator.pods.containers import every_container
from llmmonitor_operator.pods.pod import our_native
from llmmonitor_operator.pods.serving import Serving

_HOST_NETWORK_SPREAD = 469
"""14002 and 468 pairs above it end below the mesh ports. Ports of models differ by round numbers (8000 and
30000, 80 and 8080, 3000 and 5000), and people count on from them: of all spreads near 500 this is among those
by which the fewest of these meet; the test has the list."""


def own_ports(pod: Raw, serving: Serving, relay_port: int, api_port: int) -> tuple[int, int]:
    """The relay's and the API's port: the wanted ones, or the next free ones above."""
    spec = pod.get("spec", {})
    taken = {serving.port, *MESH_PORTS, *_declared(pod)}
    if spec.get("hostNetwork"):
        apart = 2 * (serving.port % _HOST_NETWORK_SPREAD)
        relay_port, api_port = relay_port + apart, api_port + apart
    relay_port = _next_free(relay_port, taken)
    return relay_port, _next_free(api_port, taken | {relay_port})


def no_port_is_left(pod: Raw, serving: Serving, wanted: Interception) -> bool:
    """Whether its containers declare every port that the sidecar could have: whoever makes a plan looks."""
    return max(own_ports(pod, serving, wanted.relay_port, wanted.api_port)) > HIGHEST_PORT


def _declared(pod: Raw) -> set[int]:
    """By others: a sidecar waits for its predecessor's port."""
    ours = our_native(pod)
    others = [one for one in every_container(pod) if one is not ours]
    ports = [port for container in others for port in container.get("ports") or ()]
    return {int(port[kind]) for port in ports for kind in ("containerPort", "hostPort") if port.get(kind)}


def _next_free(port: int, taken: set[int]) -> int:
    while port in taken:
        port += 1
    return port
