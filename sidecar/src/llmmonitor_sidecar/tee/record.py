"""What the relay tells the analyser: one record per thing that happened on a connection."""

from enum import IntEnum
from typing import Final

import msgspec

REQUEST: Final = 0
"""Direction: client to model."""
RESPONSE: Final = 1
"""Direction: model to client."""

_MAPPED_IPV4: Final = "::ffff:"


class Kind(IntEnum):
    """What a record says."""

    OPEN = 1  # a connection was accepted; payload: `encode_addresses`
    DATA = 2  # bytes were read from a socket and forwarded; payload: those bytes
    EOF = 3  # that direction ended (half-close); no payload
    CLOSE = 4  # the connection is gone; payload: a `CloseReason`
    LOST = 5  # copies were dropped: not analysed from here on; payload: bytes lost so far, decimal


class CloseReason:
    """Why a connection ended, as the payload of CLOSE."""

    EOF: Final = b"eof"  # both directions ended by themselves
    CLIENT_RESET: Final = b"client_reset"  # the client aborted
    SERVER_RESET: Final = b"server_reset"  # the model aborted
    REFUSED: Final = b"refused"  # the model refused the connection
    TIMEOUT: Final = b"timeout"  # the model did not take the connection in time
    STOPPED: Final = b"stopped"  # the relay was told to stop and the grace period ran out
    RELAY_DIED: Final = b"relay_died"  # said by the receiver when a new relay has taken over


class TeeRecord(msgspec.Struct, frozen=True, gc=False):
    """One record.

    Attributes:
        kind: a `Kind`.
        connection: number of the connection, never used again, across relay restarts.
        direction: `REQUEST` or `RESPONSE`; meaningful for DATA and EOF.
        at_ns: CLOCK_MONOTONIC nanoseconds when it was read from the socket.
        payload: see `Kind`.
    """

    kind: int
    connection: int
    direction: int
    at_ns: int
    payload: bytes


class ConnectionAddresses(msgspec.Struct, frozen=True, gc=False):
    """Who talks to whom: hosts as numeric addresses, IPv4 never in its IPv6-mapped form."""

    client_host: str
    client_port: int
    server_host: str
    server_port: int


def encode_addresses(client_host: str, client_port: int, server_host: str, server_port: int) -> bytes:
    """The payload of OPEN."""
    return f"{client_host} {client_port} {server_host} {server_port}".encode("ascii")


def decode_addresses(payload: bytes) -> ConnectionAddresses:
    """Read the payload of OPEN.

    Raises:
        ValueError: the payload was not made by `encode_addresses`.
    """
    client_host, client_port, server_host, server_port = payload.decode("ascii").split(" ")
    return ConnectionAddresses(
        client_host.removeprefix(_MAPPED_IPV4),
        int(client_port),
        server_host.removeprefix(_MAPPED_IPV4),
        int(server_port),
    )
