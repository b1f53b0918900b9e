"""Label values that cannot break or flood an exposition, whatever a client called its model."""

from __future__ import annotations

from hashlib import blake2b

BYTES_LIMIT = 128
_HASH_BYTES = 4


def label(value: str) -> str:
    """`value` itself if it is printable and short, else what is printable of its start and a hash of all.

    Two different values stay different, so that no two series collide.
    """
    if len(value) <= BYTES_LIMIT and value.isprintable() and len(value.encode()) <= BYTES_LIMIT:
        return value
    raw = value.encode(errors="surrogatepass")
    printable = "".join(c for c in value[:BYTES_LIMIT] if c.isprintable())
    room = BYTES_LIMIT - 2 * _HASH_BYTES - 1
    start = printable.encode()[:room].decode(errors="ignore")
    return f"{start}~{blake2b(raw, digest_size=_HASH_BYTES).hexdigest()}"
