"""Whose request a proxy passes on: `X-Forwarded-For`, read as far as trusted proxies have written it.

Each proxy appends the address that it was asked from, and whoever asks may send the header too: so it is read
from its end, and only over addresses in `spec.privacy.trustedProxies`. The first that is none of them is the
client's. Without such proxies the header is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from llmmonitor_sidecar.analyser.limits import HEADER_VALUE_BYTES

HEADER: Final = b"x-forwarded-for"
HOPS_LIMIT: Final = 16


class Proxies:
    """Those that are trusted, shared by all connections; false while there are none."""

    __slots__ = ("_networks",)

    def __init__(self) -> None:
        self._networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._networks)

    def set(self, networks: Iterable[str]) -> None:
        """From now on these.

        Raises:
            ValueError: one is no network.
        """
        self._networks = tuple(map(ip_network, networks))

    def client_of(self, peer: str, forwarded: str) -> str:
        """The client's address.

        Args:
            peer: whose connection it is.
            forwarded: the header's value, of a long one the end; empty without it. Where it is no address
                the client's is the last proxy's that is known.
        """
        address = _address(peer)
        if address is None or not self._trusts(address):
            return peer
        hops = forwarded.split(",")
        if len(forwarded) >= HEADER_VALUE_BYTES:
            hops = hops[1:]  # it may be a part of one
        for hop in hops[: -HOPS_LIMIT - 1 : -1]:
            before = _address(hop)
            if before is None:
                break
            address = before
            if not self._trusts(address):
                break
        return str(address)

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


NO_PROXIES: Final = Proxies()
"""Trusts none, and is never told to."""


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Without the port that some proxies add, and IPv4 as such."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
