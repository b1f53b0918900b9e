"""One sidecar at work in a pod: who comes second waits, without child, rule or port, for the first to end.

Two can meet: an attached sidecar and its successor, or an injected one that the kubelet restarts beside an
attached one. Two tables of one name would replace each other's rules. The claim is a name in the pod's
network namespace (an abstract socket, unix(7)): the kernel lets one process have it and takes it back when
that process dies, however it dies. Who waits has a name too, so that the one at work knows whether it has a
successor (`hand_over`). Where there are no such names, everyone is alone.
"""

from __future__ import annotations

import errno
import logging
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmmonitor_sidecar.supervisor.signals import Signals

NAME = "\0llm-monitor-sidecar"
SUCCESSOR = "\0llm-monitor-sidecar-successor"
RETRY_SECONDS = 0.25

_log = logging.getLogger(__name__)


def claim(signals: Signals) -> socket.socket | None:
    """Wait until nobody else is at work in this network namespace; None when told to stop before.

    Keep the socket open as long as the work lasts, and close its copies in forked children: they may live
    some seconds longer.
    """
    name = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as waiting:
        said = next_in_line = False
        while not _claims(name, NAME):
            if not said:
                _log.warning("another sidecar is at work in this pod: waiting for it to end")
                said = True
            next_in_line = next_in_line or _claims(waiting, SUCCESSOR)
            if signals.wait(RETRY_SECONDS):
                name.close()
                return None
    return name


def has_successor() -> bool:
    """Whether another sidecar waits for this one to end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
        try:
            probe.connect(SUCCESSOR)
        except OSError:
            return False
    return True


def _claims(socket_: socket.socket, name: str) -> bool:
    try:
        socket_.bind(name)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        _log.warning("no claim on this pod can be laid (%s): going on without", error)
    return True
