"""Moves bytes between the two sockets of each connection: the only code every token passes through.

Theory of operation. A connection is two `Side`s, client and model, each the other's `peer`. A readable side
is read once into one buffer that all connections share, and what was read is sent to the peer at once. Only
when the peer takes less is the rest kept, as the peer's `backlog`, and the side is not read again until
it is gone: so memory is bounded by one chunk for each direction, and a slow reader slows the writer by TCP's
own flow control. The end of one direction (FIN) is passed on after the backlog; a reset is passed on at once
as a reset, for a model frees its GPU slot only when it learns that the client is gone.

The client is not read before the model has accepted. `poll` is level-triggered: whatever is left unread
is reported again, so no socket is ever read until it would block.
"""

import errno
import select
import socket
import struct
from collections import deque
from time import monotonic, monotonic_ns
from typing import TYPE_CHECKING, Final, TypeAlias

from llmmonitor_sidecar.tee import REQUEST, RESPONSE, CloseReason, TeeSender, encode_addresses

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK_BYTES: Final = 64 * 1024
CONNECT_TIMEOUT_SECONDS: Final = 60.0
"""For a model whose accept queue is full. A client connected directly would try for two minutes."""

Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
"""An IPv4 or IPv6 socket address as the socket module gives and takes it."""

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST
_IPV4_PARTS: Final = 2  # host and port; IPv6 has flow and scope too
_NON_BLOCKING_STREAM: Final = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
_BROKEN: Final = select.EPOLLERR | select.EPOLLHUP
_IN: Final = select.EPOLLIN
_OUT: Final = select.EPOLLOUT
_PARKED: Final = -1  # not registered with epoll


class Side:
    """One socket of a connection and what is due on it."""

    __slots__ = (
        "backlog",
        "connecting",
        "connection",
        "direction",
        "ended",
        "fd",
        "mask",
        "peer",
        "recv_into",
        "send",
        "sock",
    )

    def __init__(self, sock: socket.SocketType, direction: int, connection: int) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.recv_into: Callable[[bytearray], int] = sock.recv_into
        self.send: Callable[[memoryview], int] = sock.send
        self.direction = direction  # of the bytes read here
        self.connection = connection  # its number in the tee
        self.peer: Side | None = None  # None once the connection is gone
        self.mask = 0  # what epoll watches for here
        self.backlog: memoryview | None = None  # bytes this socket has not taken yet
        self.connecting = False  # the model has not accepted yet
        self.ended = False  # FIN was read here, and passed on


class Flows:
    """All open connections.

    Args:
        poll: the loop's epoll object; sides register themselves.
        tee: where the copies go.

    Attributes:
        sides: by file descriptor, for the loop to find whom an event is for.
        moved_bytes: forwarded so far, by direction (`REQUEST`, `RESPONSE`).
        refused: connections the model did not take.
    """

    def __init__(self, poll: select.epoll, tee: TeeSender) -> None:
        self.sides: dict[int, Side] = {}
        self.moved_bytes = [0, 0]
        self.refused = 0
        self._poll = poll
        self._tee = tee
        self._buffer = bytearray(CHUNK_BYTES)
        self._view = memoryview(self._buffer)
        self._connecting: deque[tuple[float, Side]] = deque()  # deadlines, soonest first

    def __len__(self) -> int:
        return len(self.sides) // 2

    def begin(self, client: socket.SocketType, client_address: Address, target: Address) -> None:
        """Take over an accepted, non-blocking socket and connect it to the model.

        Raises:
            OSError: no descriptor or memory to be had; the client is reset.
        """
        try:
            family = socket.AF_INET if len(target) == _IPV4_PARTS else socket.AF_INET6
            model = socket.SocketType(family, _NON_BLOCKING_STREAM)
        except OSError:
            close_with_reset(client)
            raise
        model.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        addresses = encode_addresses(client_address[0], client_address[1], target[0], target[1])
        connection = self._tee.open(monotonic_ns(), addresses)
        here, there = Side(client, REQUEST, connection), Side(model, RESPONSE, connection)
        here.peer, there.peer = there, here
        self.sides[here.fd], self.sides[there.fd] = here, there
        try:
            self._connect(here, there, target)
        except OSError:
            self._reset(here, CloseReason.REFUSED)
            raise

    def handle(self, side: Side, events: int) -> None:
        """React to what epoll says of a side."""
        if events & _OUT:
            if side.connecting:
                self._connected(side)
                return
            self._drain(side)
            if side.peer is None:
                return
        if events & _IN:
            self.forward(side)
        elif events & _BROKEN:
            self._broken(side)

    def forward(self, side: Side) -> None:
        """Read a readable side once and pass it on."""
        peer = side.peer
        if peer is None:
            return
        try:
            size = side.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            self._reset(side, _reset_by(side))
            return
        at_ns = monotonic_ns()
        if size == 0:
            self._end(side, peer, at_ns)
            return
        chunk = self._view[:size]
        try:
            sent = peer.send(chunk)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._reset(side, _reset_by(peer))
            return
        if sent != size:
            peer.backlog = memoryview(bytes(chunk[sent:]))
            self._watch(peer, peer.mask | _OUT)
            self._watch(side, side.mask & ~_IN)
        self.moved_bytes[side.direction] += size
        self._tee.data(side.connection, side.direction, at_ns, chunk)

    def expire(self, now_seconds: float) -> None:
        """Give up on models that did not accept in time; `now_seconds` is CLOCK_MONOTONIC."""
        while self._connecting and self._connecting[0][0] <= now_seconds:
            side = self._connecting.popleft()[1]
            if side.connecting and side.peer is not None:
                self.refused += 1
                self._reset(side, CloseReason.TIMEOUT)

    def stop(self) -> None:
        """Reset everything that is still open."""
        for side in list(self.sides.values()):
            if side.peer is not None:
                self._reset(side, CloseReason.STOPPED)

    def _connect(self, client: Side, model: Side, target: Address) -> None:
        outcome = model.sock.connect_ex(target)
        if outcome == errno.EINPROGRESS:
            outcome = model.sock.connect_ex(target)  # over lo it is done by now: saves a turn of the loop
        if outcome in (0, errno.EISCONN):
            client.mask = model.mask = _IN
        elif outcome in (errno.EALREADY, errno.EINPROGRESS):
            model.connecting = True
            model.mask = _OUT  # the client is watched for its giving up only: its bytes can wait
            self._connecting.append((monotonic() + CONNECT_TIMEOUT_SECONDS, model))
        else:
            self.refused += 1
            self._reset(client, CloseReason.REFUSED)
            return
        self._poll.register(client.fd, client.mask)
        self._poll.register(model.fd, model.mask)

    def _connected(self, model: Side) -> None:
        if model.peer is None:
            return
        if model.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.refused += 1
            self._reset(model, CloseReason.REFUSED)
            return
        model.connecting = False
        self._watch(model, _IN)
        self._watch(model.peer, _IN)

    def _drain(self, side: Side) -> None:
        """Send the rest; when it is gone, read the peer again."""
        peer = side.peer
        if peer is None or side.backlog is None:
            return
        try:
            sent = side.send(side.backlog)
        except BlockingIOError:
            return
        except OSError:
            self._reset(side, _reset_by(side))
            return
        if sent < len(side.backlog):
            side.backlog = side.backlog[sent:]
            return
        side.backlog = None
        self._watch(side, side.mask & ~_OUT)
        self._watch(peer, _IN if peer.mask == _PARKED else peer.mask | _IN)

    def _end(self, side: Side, peer: Side, at_ns: int) -> None:
        """Pass on the FIN. The peer has no backlog: with one, this side would not have been read."""
        side.ended = True
        self._tee.eof(side.connection, side.direction, at_ns)
        if peer.ended:
            self._close(side, CloseReason.EOF)
            return
        try:
            peer.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._reset(side, _reset_by(peer))
            return
        self._watch(side, side.mask & ~_IN)

    def _broken(self, side: Side) -> None:
        """Error or hang-up on a side that is not being read."""
        if side.connecting or side.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._reset(side, _reset_by(side))
        elif side.mask == 0:  # not wanted again since epoll looked, perhaps earlier in this pass
            # Both FINs are through, what it sent waits for its peer: epoll would say so without end.
            self._poll.unregister(side.fd)
            side.mask = _PARKED

    def _watch(self, side: Side, mask: int) -> None:
        if mask == side.mask:
            return
        if side.mask == _PARKED:
            self._poll.register(side.fd, mask)
        else:
            self._poll.modify(side.fd, mask)
        side.mask = mask

    def _reset(self, side: Side, reason: bytes) -> None:
        """Close both sockets with RST."""
        for one in (side, side.peer):
            if one is not None:
                one.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._close(side, reason)

    def _close(self, side: Side, reason: bytes) -> None:
        peer = side.peer
        for one in (side, peer):
            if one is not None:
                del self.sides[one.fd]
                one.sock.close()  # leaves epoll by itself
                one.peer = one.backlog = None  # no cycle is left: the garbage collector is off
        self._tee.close(side.connection, monotonic_ns(), reason)


def close_with_reset(sock: socket.SocketType) -> None:
    """Close and tell the other end that it was not in order: RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    sock.close()


def _reset_by(side: Side) -> bytes:
    return CloseReason.CLIENT_RESET if side.direction == REQUEST else CloseReason.SERVER_RESET
