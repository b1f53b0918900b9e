"""The relay's listening socket in transparent mode, made where the privilege is: in the supervisor.

With IP_TRANSPARENT the kernel may deliver it connections to other ports and addresses (TPROXY), and an
accepted socket's own address is the one that the client asked for. One dual-stack socket serves IPv4 and
IPv6; where the kernel has no IPv6, an IPv4 one. A dead relay's successor gets a new one.
"""

from __future__ import annotations

import socket

from llmmonitor_sidecar import linux

_BACKLOG = 4096
"""The kernel caps it at net.core.somaxconn."""


def transparent_listener(port: int) -> socket.socket:
    """A listening socket on `port` of all addresses.

    Raises:
        OSError: EADDRINUSE when somebody else has the port, EPERM without NET_ADMIN.
    """
    family = socket.AF_INET6 if _has_ipv6() else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.setsockopt(linux.SOL_IPV6, linux.IPV6_TRANSPARENT, 1)
        else:
            listener.setsockopt(linux.SOL_IP, linux.IP_TRANSPARENT, 1)
        listener.bind(("", port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True
