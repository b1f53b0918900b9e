"""Which words are used, as buckets that mean something under one key alone.

A word's bucket is a byte of its encryption (AES, whose blocks nobody without the key can tell from chance),
all words of a text in one call. The key is the monitor's: the same on all its replicas and after restarts, so
that buckets add; which words are in a bucket is known to nobody who has not got it. Each bucket is of
thousands of words, and counts are of all requests together.
"""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from llmmonitor_api.report.features import VOCABULARY_BUCKETS

KEY_BYTES = 32
_BLOCK = 16
"""Bytes of a word that count."""
_FOLDED = bytes(one % VOCABULARY_BUCKETS for one in range(256))


class Vocabulary:
    """Buckets under one key."""

    def __init__(self, key: bytes) -> None:
        """Args: key: KEY_BYTES of them.

        Raises:
            ValueError: it has another length.
        """
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key of {len(key)} bytes; it has {KEY_BYTES}")
        cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - a keyed hash of single blocks, no message
        self._encrypt = cipher.encryptor().update

    def buckets(self, words: Iterable[bytes]) -> bytes:
        """The bucket of each different word."""
        blocks = b"".join([one[:_BLOCK].ljust(_BLOCK, b"\0") for one in set(words)])
        return self._encrypt(blocks)[::_BLOCK].translate(_FOLDED)
