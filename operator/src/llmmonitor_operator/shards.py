"""Which operator acts for which namespaces, once there are too many monitors for one.

A namespace belongs to the shard `SHA-256(name), first 8 bytes, big-endian, modulo count`: by its name alone,
so that the operator and the webhook agree without asking, and a person can check it:

    printf %s prod | sha256sum | cut -c1-16      # 16 hexadecimal digits; modulo the number of shards

Each shard has a Deployment, a Lease and a ConfigMap of verdicts of its own; shard 0's have the names that an
operator without shards has. Checkpoints are by monitor UID and follow their monitor to whatever shard has it.
What concerns the release as a whole (certificates, the signing key) is shard 0's. That operators of another
number of shards have ended before one begins is seen to by `reconcile/agreement.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

SHARDS_LIMIT = 16
_HASH_BYTES = 8
_WRITTEN = re.compile(r"([0-9]{1,2})/([0-9]{1,2})")


def shard_of(namespace: str, count: int) -> int:
    """The shard that acts for `namespace`, of `count`."""
    return int.from_bytes(sha256(namespace.encode()).digest()[:_HASH_BYTES], "big") % count


def suffix(index: int) -> str:
    """What the names of a shard's own objects end with."""
    return f"-{index}" if index else ""


def lease_name(name: str, index: int) -> str:
    """Of the release called `name`."""
    return f"{name}-operator{suffix(index)}"


def verdicts_name(name: str, index: int) -> str:
    """Of the release called `name`."""
    return f"{name}-verdicts{suffix(index)}"


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` operators."""

    index: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether what concerns the whole release is done by this one."""
        return self.index == 0

    def has(self, namespace: str) -> bool:
        """Whether it acts for this namespace."""
        return self.count == 1 or shard_of(namespace, self.count) == self.index

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


WHOLE = Shard()
"""An operator that is not divided."""


def read(text: str) -> Shard | None:
    """`0/1`, `1/2`, ...; None for anything else."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    shard = Shard(int(found[1]), int(found[2]))
    return shard if shard.index < shard.count <= SHARDS_LIMIT else None
