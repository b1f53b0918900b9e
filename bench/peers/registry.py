"""Every proxy the benches know: how it is started and what it is, in one table."""

from collections.abc import Callable

import msgspec
from bench.peers import aiohttp_proxy, envoy, haproxy, nginx, relay_alone, whole_sidecar
from bench.peers.running import Place, Running

DIRECT = "direct"
"""No proxy: the load program talks to the model server."""
RELAY = "relay"
SIDECAR = "sidecar"


class Kind(msgspec.Struct, frozen=True):
    """One kind of proxy. `start` raises PeerUnavailableError with the reason."""

    start: Callable[[Place], Running]
    description: str


PROXIES: dict[str, Kind] = {
    RELAY: Kind(relay_alone.start, relay_alone.DESCRIPTION),
    SIDECAR: Kind(whole_sidecar.start, whole_sidecar.DESCRIPTION),
    "haproxy-tcp": Kind(haproxy.start_tcp, haproxy.TCP_DESCRIPTION),
    "haproxy-http": Kind(haproxy.start_http, haproxy.HTTP_DESCRIPTION),
    "nginx": Kind(nginx.start, nginx.DESCRIPTION),
    "envoy": Kind(envoy.start, envoy.DESCRIPTION),
    "aiohttp": Kind(aiohttp_proxy.start, aiohttp_proxy.DESCRIPTION),
}
