"""Which connections past the relay may be closed (`existingConnections: DrainIdle`): pure.

A connection from before the rule goes on unread for as long as its client keeps it: gateways do for hours.
Its client opens a new one when it is closed, and that one is read. What a client sees is an idle connection
that is reset, as by any server that tires of it; so only those go on which nothing is in flight:

- nothing moved for the time that was asked for while the model server itself says that it works on nothing;
- ten times as long where it works or does not say: an answer may begin with its headers and then wait in a
  queue, and its connection looks idle meanwhile;
- never one whose last data came from the client (it waits for an answer), or that has data on the way.

In-pod clients, the relay and the analyser come over `lo`, where no rule applies: their connections stay.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmmonitor_sidecar.supervisor.socket_diagnosis import TcpSocket, Traffic

AT_ONCE = 4
"""In one look (every 10 s), or a twentieth of those that may go, if that is more."""
SHARE_AT_ONCE = 20
UNLESS_AT_REST = 10
"""Times as long must a connection be idle where the model is not known to be at rest."""

End = tuple[bytes, int]
"""A client's address and port."""


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How idle is idle."""

    idle_ms: int
    model_at_rest: bool
    """By its own word."""


def to_close(
    at_port: Iterable[TcpSocket], to_port: Iterable[TcpSocket], inherited: frozenset[End], patience: Patience
) -> list[TcpSocket]:
    """Those to close now, the longest idle first.

    Args:
        at_port: established, with their traffic; their local port is the model's.
        to_port: established ones whose remote port is the model's: the clients' ends within this pod.
        inherited: clients' ends that a predecessor's relay carries: nobody reads those.
        patience: see there.
    """
    within = {(socket.local, socket.local_port) for socket in to_port}
    idle = [
        (socket.traffic.sent_ms_ago, socket)
        for socket in at_port
        if (socket.remote, socket.remote_port) not in within
        and (not socket.transparent or (socket.remote, socket.remote_port) in inherited)
        and socket.traffic is not None
        and _is_idle(socket.traffic, patience)
    ]
    idle.sort(key=lambda one: -one[0])
    return [socket for _, socket in idle[: max(AT_ONCE, len(idle) // SHARE_AT_ONCE)]]


def _is_idle(traffic: Traffic, patience: Patience) -> bool:
    limit_ms = patience.idle_ms if patience.model_at_rest else patience.idle_ms * UNLESS_AT_REST
    if traffic.waiting_bytes or min(traffic.sent_ms_ago, traffic.received_ms_ago) < limit_ms:
        return False
    if not traffic.received_bytes or traffic.sent_ms_ago < traffic.received_ms_ago:
        return True
    # Within one tick of the kernel's clock: a quick answer, or a request that followed an answer at once.
    return patience.model_at_rest and traffic.sent_ms_ago == traffic.received_ms_ago
