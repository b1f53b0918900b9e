"""What is remembered for a while under a keyed hash: bounded in time and in number, in memory alone.

Two generations: the younger takes what is new, and takes the older one's place when it is full or old enough.
So a thing is remembered for at least half of the time and of the number, and forgetting costs nothing. The
key is this process's own: nobody who read the hashes could tell of what they are.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hashlib import blake2b
from typing import Generic, TypeVar

V = TypeVar("V")
_KEY_BYTES = 32
_HASH_BYTES = 8
_NS = 1_000_000_000


class Hashing:
    """Texts to numbers, under a key of its own."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(_KEY_BYTES)

    def of(self, parts: Iterable[str]) -> int:
        """One number for all parts in their order."""
        hashed = blake2b(key=self._key, digest_size=_HASH_BYTES)
        for part in parts:
            spelled = part.encode("utf-8", "replace")
            hashed.update(len(spelled).to_bytes(_HASH_BYTES, "big"))
            hashed.update(spelled)
        return int.from_bytes(hashed.digest(), "big")


class Remembered(Generic[V]):
    """At most `limit` values by hash, none for longer than `seconds`."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._half = max(1, limit // 2)
        self._half_ns = int(seconds * _NS) // 2
        self._began_ns = 0
        self._young: dict[int, V] = {}
        self._old: dict[int, V] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: int, now_ns: int) -> V | None:
        """What was put there last; None if it was never, or is forgotten."""
        self._forget(now_ns)
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def put(self, key: int, value: V, now_ns: int) -> None:
        """Remember it from now on, in the place of what was known of it."""
        self._forget(now_ns)
        self._old.pop(key, None)
        self._young[key] = value

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old = {}, {}

    def _forget(self, now_ns: int) -> None:
        age = now_ns - self._began_ns
        if age >= self._half_ns or len(self._young) >= self._half:
            self._old = self._young if age < 2 * self._half_ns else {}
            self._young, self._began_ns = {}, now_ns
