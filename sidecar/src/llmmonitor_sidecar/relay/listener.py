"""Where the relay's connections come from: a socket it opens itself, or the transparent one it was given."""

import errno
import socket
from typing import Final, cast

from llmmonitor_sidecar.relay.flow import Address

BACKLOG: Final = 65535
"""As long as the kernel allows (net.core.somaxconn); what does not fit is tried again after 1 s."""


def resolve(host: str, port: int) -> dict[int, Address]:
    """Addresses of a host by family, the first of each, looked up once; IPv4 first.

    localhost is both loopbacks (RFC 6761, 6.3), whatever a container's /etc/hosts says.

    Raises:
        OSError: the name has no address.
    """
    if host == "localhost":
        return {socket.AF_INET: ("127.0.0.1", port), socket.AF_INET6: ("::1", port, 0, 0)}
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    addresses: dict[int, Address] = {}
    for family, _, _, _, address in found:
        addresses.setdefault(family, cast("Address", address))  # a stream socket has no other kind
    return addresses


def listen(family: int, address: Address) -> socket.socket:
    """Open a listener; all addresses are IPv4's where there is no IPv6.

    Raises:
        OSError: the address is taken or not ours.
    """
    try:
        return _listen(family, address)
    except OSError as error:
        if address[0] != "::" or error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise
        return _listen(socket.AF_INET, ("0.0.0.0", address[1]))


def _listen(family: int, address: Address) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        prepare(sock)
    except OSError:
        sock.close()
        raise
    return sock


def prepare(sock: socket.socket) -> None:
    """Make a bound or listening socket ready for the loop. Accepted sockets inherit TCP_NODELAY from it."""
    sock.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.listen(BACKLOG)


def accept(listener: socket.socket) -> tuple[socket.SocketType, Address]:
    """Accept one connection, as a bare non-blocking socket.

    By what `socket.accept` itself is made of: its Python layers cost as much as the system call.

    Raises:
        BlockingIOError: none is waiting.
        OSError: no descriptor or memory to be had.
    """
    descriptor, address = listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - see above
    sock = socket.SocketType(listener.family, socket.SOCK_STREAM, 0, descriptor)
    sock.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    return sock, address
