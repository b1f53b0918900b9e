"""What a connection speaks, told from its client's first bytes."""

from __future__ import annotations

from enum import StrEnum

_H2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""RFC 9113, section 3.4: a client with prior knowledge begins with it."""
_TLS_HANDSHAKE = b"\x16\x03"
"""RFC 8446, section 5.1: record type 22, legacy version 3.x."""
_ENOUGH_BYTES = len(_H2)


class Protocol(StrEnum):
    """What a connection speaks; only `HTTP1` is read, the rest is known by its bytes and times.

    The values are the keys of `InterceptionCounts.opaque_connections`.
    """

    UNKNOWN = "unknown"
    HTTP1 = "http/1"
    H2 = "h2"
    TLS = "tls"
    UPGRADED = "upgrade"
    """HTTP/1 until an answer agreed to another protocol (websocket, h2c)."""
    TUNNEL = "tunnel"
    """HTTP/1 until a CONNECT was granted."""
    OPAQUE = "other"


def recognise(first: bytes) -> Protocol:
    """Tell the protocol from the client's first bytes; UNKNOWN while more are needed (at most 24)."""
    if first.startswith(_H2[: len(first)]):
        return Protocol.H2 if len(first) >= _ENOUGH_BYTES else Protocol.UNKNOWN
    if first.startswith(_TLS_HANDSHAKE[: len(first)]):
        return Protocol.TLS if len(first) >= len(_TLS_HANDSHAKE) else Protocol.UNKNOWN
    # RFC 9112, section 2.2: empty lines before a request line are ignored. Methods are upper-case words.
    text = first.lstrip(b"\r\n")
    if not text:
        return Protocol.UNKNOWN if len(first) < _ENOUGH_BYTES else Protocol.OPAQUE
    return Protocol.HTTP1 if text[:1].isalpha() and text[:1].isupper() else Protocol.OPAQUE
