"""By which names clients are known: a keyed hash of one header's value, where the operator has asked for it.

Shared by all connections, so that a key that comes later counts at once. Without a key no header is looked
at. The value itself is kept nowhere.
"""

from __future__ import annotations

import hmac

from llmmonitor_api.report.clients import HASH_BYTES
from llmmonitor_sidecar.analyser.limits import HEADER_VALUE_BYTES


class Naming:
    """Which header, and under which key.

    Attributes:
        header: in lower case; empty while no header is looked at.
    """

    __slots__ = ("_key", "header")

    def __init__(self) -> None:
        self.header = b""
        self._key = b""

    def set(self, header: str, key: bytes) -> None:
        """From now on by this header and key; empty ones end it."""
        self.header, self._key = (header.lower().encode(), key) if header and key else (b"", b"")

    def name(self, value: str) -> str:
        """The client's, as hexadecimal digits, by HMAC-SHA-256 (RFC 2104); empty without the header.

        Args:
            value: the header's, its bytes read as Latin-1, at most `limits.HEADER_VALUE_BYTES` of them.
        """
        if not value or not self._key:
            return ""
        return hmac.digest(self._key, value.encode("latin-1", "replace"), "sha256")[:HASH_BYTES].hex()

    def name_of(self, text: str) -> str:
        """The same of a value as people write it: on the wire it is UTF-8, and cut where headers are."""
        return self.name(text.encode("utf-8", "replace")[:HEADER_VALUE_BYTES].decode("latin-1"))


NOBODY = Naming()
"""Looks at no header, and is never told to."""
