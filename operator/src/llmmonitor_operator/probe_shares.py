"""Which replicas ask, and which part of the questions each.

Every replica of a version, up to `ASKING_LIMIT`: more would bring no more answers, only more documents to
push whenever one comes or goes. Who they are changes daily, so that each replica's turn comes; and each
version has its own, so that each is asked everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

ASKING_LIMIT = 8
_DAY_SECONDS = 86_400.0


def shares(versions: Mapping[str, str], now: float) -> dict[str, tuple[int, int]]:
    """Place and number of those that ask with it, by pod UID; (0, 0) does not ask.

    Args:
        versions: the model's version by pod UID.
        now: Unix seconds.
    """
    by_version: dict[str, list[str]] = {}
    for uid, version in versions.items():
        by_version.setdefault(version, []).append(uid)
    result = dict.fromkeys(versions, (0, 0))
    for uids in by_version.values():
        day = int(now // _DAY_SECONDS)
        asking = sorted(sorted(uids, key=lambda uid: _rank(uid, day))[:ASKING_LIMIT])
        result |= {uid: (place, len(asking)) for place, uid in enumerate(asking)}
    return result


def _rank(uid: str, day: int) -> bytes:
    return blake2b(f"{day} {uid}".encode(), digest_size=8).digest()
