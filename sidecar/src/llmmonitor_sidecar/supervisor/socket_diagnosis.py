"""Asks the kernel for this network namespace's TCP sockets (sock_diag(7), NETLINK_INET_DIAG): what `ss` does.

Our own client, 100 lines, since the supervisor asks ten times a second and stays in every model pod:
importing pyroute2 0.9 took 146 ms and 24 MB. Needs no privileges.
Layouts: linux/inet_diag.h, linux/sock_diag.h.
"""

from __future__ import annotations

import dataclasses
import enum
import errno
import os
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_SOCK_DESTROY = 21
_NLM_F_REQUEST_DUMP = 0x301
_NLM_F_REQUEST_ACK = 0x5
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_INET_DIAG_INFO = 2
_INET_DIAG_SKV6ONLY = 11
_INET_DIAG_SOCKOPT = 22
_TRANSPARENT_BIT = 5
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI2s2s16s16sI8s")
_ANSWER = struct.Struct("=BBBB2s2s16s16sI8sIIIII")
_TCP_INFO = struct.Struct("=44xI4xI64xQQ")
"""Of `struct tcp_info`: last_data_sent, last_data_recv (milliseconds ago), bytes_acked, bytes_received."""
_NO_COOKIE = b"\xff" * 8
_ATTRIBUTE = struct.Struct("=HH")
_RECEIVE_BYTES = 64 * 1024
_TIMEOUT_SECONDS = 1
_V4_MAPPED = bytes(10) + b"\xff\xff"
_IPV4_BYTES = 4


class State(enum.IntEnum):
    """TCP states that we ask for (net/tcp_states.h)."""

    ESTABLISHED = 1
    LISTEN = 10


@dataclasses.dataclass(frozen=True, slots=True)
class Traffic:
    """When data last moved on a connection, and what has not arrived yet."""

    sent_ms_ago: int
    """Its last data, or its begin."""
    received_ms_ago: int
    received_bytes: int
    waiting_bytes: int
    """Not read by its owner, or not acknowledged by the other side."""


@dataclasses.dataclass(frozen=True, slots=True)
class TcpSocket:
    """One end of a TCP connection, or a listener, as the kernel lists it."""

    family: int
    local: bytes
    """Address: 4 bytes (also for IPv4 in an IPv6 socket) or 16."""
    local_port: int
    remote: bytes
    remote_port: int
    uid: int
    inode: int
    """0 while nobody has accepted it."""
    ipv6_only: bool
    transparent: bool
    """Made, or accepted from a listener made, with IP_TRANSPARENT."""
    cookie: bytes = _NO_COOKIE
    """The kernel's own name for it, never given twice."""
    traffic: Traffic | None = None
    """Where it was asked for."""


class SocketDiagnosis:
    """A netlink socket to ask with; raises OSError where the kernel (gVisor) does not answer."""

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG
        )
        # By the kernel: Python's own settimeout would poll before every call.
        timeout = struct.pack("@ll", _TIMEOUT_SECONDS, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
        self._sequence = 0

    def close(self) -> None:
        """Give the netlink socket back."""
        self._socket.close()

    def listeners(self, port: int = 0) -> list[TcpSocket]:
        """The sockets that listen on `port` (0: any), IPv4 and IPv6."""
        return [
            *self._dump(socket.AF_INET, State.LISTEN, port),
            *self._dump(socket.AF_INET6, State.LISTEN, port),
        ]

    def established(
        self, *, local_port: int = 0, remote_port: int = 0, traffic: bool = False
    ) -> list[TcpSocket]:
        """Established connections with these ports (0: any), IPv4 and IPv6; with `traffic` if wanted."""
        ports = local_port, remote_port
        return [
            *self._dump(socket.AF_INET, State.ESTABLISHED, *ports, traffic=traffic),
            *self._dump(socket.AF_INET6, State.ESTABLISHED, *ports, traffic=traffic),
        ]

    def destroy(self, target: TcpSocket) -> None:
        """Close a connection of anybody's, as `ss --kill`: the other side gets RST, its owner an error.

        Raises:
            ProcessLookupError: it is gone already.
            OSError: EOPNOTSUPP from a kernel built without it, EPERM without NET_ADMIN.
        """
        request = _REQUEST.pack(
            target.family, socket.IPPROTO_TCP, 0, 0, 1 << State.ESTABLISHED,
            target.local_port.to_bytes(2, "big"), target.remote_port.to_bytes(2, "big"),
            _raw(target.family, target.local), _raw(target.family, target.remote), 0, target.cookie,
        )  # fmt: skip
        for _kind, body in self._ask(_SOCK_DESTROY, _NLM_F_REQUEST_ACK, request):
            number = -struct.unpack_from("=i", body)[0]
            if number == errno.ENOENT:
                raise ProcessLookupError(number, "the connection is gone")
            if number:
                raise OSError(number, f"sock_diag: {os.strerror(number)}")
            return

    def _dump(
        self, family: int, state: State, local_port: int = 0, remote_port: int = 0, *, traffic: bool = False
    ) -> Iterator[TcpSocket]:
        extensions = 1 << (_INET_DIAG_INFO - 1) if traffic else 0
        request = _REQUEST.pack(
            family, socket.IPPROTO_TCP, extensions, 0, 1 << state,
            local_port.to_bytes(2, "big"), remote_port.to_bytes(2, "big"), b"", b"", 0, _NO_COOKIE,
        )  # fmt: skip
        for kind, body in self._ask(_SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, request):
            if kind == _NLMSG_DONE:
                return
            if kind == _NLMSG_ERROR:
                number = -struct.unpack_from("=i", body)[0]
                if number == errno.ENOENT:  # no such family in this kernel
                    return
                raise OSError(number, f"sock_diag: {os.strerror(number)}")
            yield parse_socket(body)

    def _ask(self, kind: int, flags: int, request: bytes) -> Iterator[tuple[int, memoryview]]:
        """Send one request; kind and body of what is answered, for as long as the caller wants more."""
        self._sequence += 1
        length = _HEADER.size + len(request)
        self._socket.send(_HEADER.pack(length, kind, flags, self._sequence, 0) + request)
        while True:
            data = self._socket.recv(_RECEIVE_BYTES)
            for answer, sequence, body in _messages(data):
                if sequence == self._sequence:  # else the rest of an earlier answer that was given up
                    yield answer, body


def _messages(data: bytes) -> Iterator[tuple[int, int, memoryview]]:
    """Kind, sequence number and body of each netlink message in a datagram."""
    view, offset = memoryview(data), 0
    while offset + _HEADER.size <= len(data):
        length, kind, _flags, sequence, _port = _HEADER.unpack_from(data, offset)
        yield kind, sequence, view[offset + _HEADER.size : offset + length]
        offset += max(_aligned(length), _HEADER.size)


def parse_socket(body: bytes | memoryview) -> TcpSocket:
    """One `inet_diag_msg` with its attributes."""
    (family, _state, _timer, _retransmits, local_port, remote_port, local, remote,
     _interface, cookie, _expires, receive_queue, send_queue, uid, inode,
     ) = _ANSWER.unpack_from(body)  # fmt: skip
    attributes = dict(_attributes(body))
    options = attributes.get(_INET_DIAG_SOCKOPT, b"\0")
    return TcpSocket(
        family=family,
        local=_address(family, local),
        local_port=int.from_bytes(local_port, "big"),
        remote=_address(family, remote),
        remote_port=int.from_bytes(remote_port, "big"),
        uid=uid,
        inode=inode,
        ipv6_only=bool(attributes.get(_INET_DIAG_SKV6ONLY, b"\0")[0]),
        transparent=bool(options[0] >> _TRANSPARENT_BIT & 1),
        cookie=cookie,
        traffic=_traffic(attributes.get(_INET_DIAG_INFO, b""), receive_queue + send_queue),
    )


def _traffic(info: bytes, waiting_bytes: int) -> Traffic | None:
    if len(info) < _TCP_INFO.size:
        return None
    sent_ms_ago, received_ms_ago, _acknowledged, received_bytes = _TCP_INFO.unpack_from(info)
    return Traffic(sent_ms_ago, received_ms_ago, received_bytes, waiting_bytes)


def _attributes(body: bytes | memoryview) -> Iterator[tuple[int, bytes]]:
    offset = _ANSWER.size
    while offset + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        yield kind, bytes(body[offset + _ATTRIBUTE.size : offset + length])
        offset += max(_aligned(length), _ATTRIBUTE.size)


def _address(family: int, raw: bytes) -> bytes:
    if family == socket.AF_INET:
        return raw[:4]
    return raw[12:] if raw.startswith(_V4_MAPPED) else raw


def _raw(family: int, address: bytes) -> bytes:
    """As the kernel has it: IPv4 in an IPv6 socket is mapped."""
    return _V4_MAPPED + address if family == socket.AF_INET6 and len(address) == _IPV4_BYTES else address


def _aligned(length: int) -> int:
    return length + 3 & ~3
