"""Which connections to the model are read, and which pass us by: counted, not hoped for.

Gateways keep connections open for hours; those from before an attach go on directly, and so do clients inside
the pod, which come over `lo`. Input: the kernel's lists of established connections (`socket_diagnosis`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llmmonitor_sidecar.supervisor.socket_diagnosis import TcpSocket


@dataclasses.dataclass(frozen=True, slots=True)
class Coverage:
    """Established connections to the model."""

    read: int
    bypassing: int


def transparent(
    at_port: Iterable[TcpSocket],
    to_port: Iterable[TcpSocket],
    is_ours: Callable[[TcpSocket], bool],
    inherited: frozenset[tuple[bytes, int]] = frozenset(),
) -> Coverage:
    """Coverage in transparent mode.

    Args:
        at_port: sockets whose local port is the model's. The relay's own ends of intercepted connections are
            among them, since they keep the address the client asked for, and are known by IP_TRANSPARENT.
        to_port: sockets whose remote port is the model's: the client's ends within this pod.
        is_ours: whether a client's end belongs to the relay or the analyser.
        inherited: clients' addresses and ports whose connections a predecessor's relay carries to their end:
            transparent too, and read by nobody.
    """
    at_port = list(at_port)
    relayed = [socket for socket in at_port if socket.transparent]
    models = [socket for socket in at_port if not socket.transparent]
    unread = sum((socket.remote, socket.remote_port) in inherited for socket in relayed)
    return Coverage(len(relayed) - unread, _not_ours(models, to_port, is_ours) + unread)


def listening(
    at_port: Iterable[TcpSocket],
    to_port: Iterable[TcpSocket],
    is_ours: Callable[[TcpSocket], bool],
    relay_connections: int,
) -> Coverage:
    """Coverage in listen mode: `relay_connections` are the relay's; all others at the model are not."""
    return Coverage(relay_connections, _not_ours(at_port, to_port, is_ours))


def _not_ours(
    models: Iterable[TcpSocket], to_port: Iterable[TcpSocket], is_ours: Callable[[TcpSocket], bool]
) -> int:
    ours = {(socket.local, socket.local_port) for socket in to_port if is_ours(socket)}
    return sum((socket.remote, socket.remote_port) not in ours for socket in models)
