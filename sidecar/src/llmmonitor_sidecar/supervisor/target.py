"""Whether the model listens: asked of the kernel where it is here, tried by connecting where it is elsewhere.

The kernel's list costs 0.1 ms and disturbs nobody. A target of another machine (listen mode only) can only be
tried: by a child with a time limit, since resolving a name blocks; rarely while it answers, with back-off
while it does not.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import signal
import socket
from typing import TYPE_CHECKING, Protocol

from llmmonitor_sidecar import linux
from llmmonitor_sidecar.supervisor import children
from llmmonitor_sidecar.supervisor.ruleset import Families

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmmonitor_sidecar.supervisor.socket_diagnosis import SocketDiagnosis, TcpSocket

_SECOND_NS = 1_000_000_000
_TRY_TIMEOUT_SECONDS = 2.0
_TRY_FIRST_NS = _SECOND_NS // 4
_TRY_LIMIT_NS = 5 * _SECOND_NS
_ANSWERED_BY_IPV4, _ANSWERED_BY_IPV6 = 0, 6
"""Exit status of a try."""
_IPV4_BYTES = 4
_IPV6_BYTES = 16
LOOPBACK = frozenset((ipaddress.ip_address("127.0.0.1").packed, ipaddress.ip_address("::1").packed))


class Target(Protocol):
    """Knows whether the model listens."""

    not_on_loopback: bool
    """When last asked, it listened, and 127.0.0.1 or ::1 would not have reached it."""

    def listening(self, now_ns: int) -> Families:
        """By which protocols connections to the model are answered now."""

    def on_death(self, death: children.Death, now_ns: int) -> None:
        """Some child of ours ended."""


class LocalTarget:
    """A port of this network namespace; of all its outside addresses, or of one address."""

    def __init__(self, diagnosis: SocketDiagnosis, port: int, addresses: frozenset[bytes]) -> None:
        self._diagnosis = diagnosis
        self._port = port
        self._addresses = addresses
        self.not_on_loopback = False

    def listening(self, now_ns: int) -> Families:  # noqa: ARG002 - the kernel knows what is so now
        """By which protocols; asks the kernel."""
        listeners = self._diagnosis.listeners(self._port)
        self.not_on_loopback = bool(listeners) and not families_listening(listeners, self._port, LOOPBACK)
        return families_listening(listeners, self._port, self._addresses)

    def on_death(self, death: children.Death, now_ns: int) -> None:
        """No child of ours."""


class RemoteTarget:
    """A host and port elsewhere."""

    not_on_loopback = False

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._child: children.Child | None = None
        self._interval_ns = _TRY_FIRST_NS
        self._next_ns = 0
        self._answered = Families()

    def listening(self, now_ns: int) -> Families:
        """As the last try said; starts the next one when it is due."""
        if self._child is None:
            if now_ns >= self._next_ns:
                self._child = children.start("probe", functools.partial(_try, self._address), signal.SIGKILL)
        elif now_ns - self._child.started_ns > _TRY_TIMEOUT_SECONDS * _SECOND_NS:
            self._child.signal(signal.SIGKILL)
        return self._answered

    def on_death(self, death: children.Death, now_ns: int) -> None:
        """Perhaps the try ended: its exit status is the answer."""
        if self._child is None or death.pid != self._child.pid:
            return
        answered = Families(
            ipv4=death.exit_status == _ANSWERED_BY_IPV4, ipv6=death.exit_status == _ANSWERED_BY_IPV6
        )
        self._interval_ns = (
            min(2 * self._interval_ns, _TRY_LIMIT_NS) if answered == self._answered else _TRY_FIRST_NS
        )
        self._answered = answered
        self._next_ns = now_ns + self._interval_ns
        self._child = None


def families_listening(listeners: Iterable[TcpSocket], port: int, addresses: frozenset[bytes]) -> Families:
    """By which protocols a listener on `port` answers.

    Args:
        listeners: of the network namespace.
        port: the model's.
        addresses: to which of its addresses (4 or 16 bytes) connections go; empty: to any but loopback.
    """
    ipv4 = ipv6 = False
    for listener in listeners:
        if listener.local_port != port:
            continue
        if not any(listener.local):  # all addresses
            ipv6 |= listener.family == socket.AF_INET6
            ipv4 |= not listener.ipv6_only
        elif listener.local in addresses or not (
            addresses or ipaddress.ip_address(listener.local).is_loopback
        ):
            ipv4 |= len(listener.local) == _IPV4_BYTES
            ipv6 |= len(listener.local) != _IPV4_BYTES
    wanted = {len(address) for address in addresses}
    return Families(
        ipv4=ipv4 and (not wanted or _IPV4_BYTES in wanted),
        ipv6=ipv6 and (not wanted or _IPV6_BYTES in wanted),
    )


def local_addresses(host: str) -> frozenset[bytes]:
    """The addresses that `host` stands for in this network namespace; empty when it is elsewhere.

    A name other than localhost counts as elsewhere: resolving it could block the supervisor.
    """
    if host == "localhost":
        return LOOPBACK
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return frozenset()
    return frozenset((address.packed,)) if linux.is_local_address(str(address)) else frozenset()


def _try(address: tuple[str, int]) -> None:
    """In a child: the exit status says by which protocol the target takes a connection, IPv4 first."""
    try:
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except OSError:
        raise SystemExit(1) from None
    for family, _, _, _, resolved in sorted(found, key=lambda entry: entry[0] != socket.AF_INET):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(_TRY_TIMEOUT_SECONDS / len(found))
            sock.connect(resolved)
            raise SystemExit(_ANSWERED_BY_IPV4 if family == socket.AF_INET else _ANSWERED_BY_IPV6)
    raise SystemExit(1)
