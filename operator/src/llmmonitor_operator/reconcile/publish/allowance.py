"""How many Events each monitor may have: a condition that flaps must not fill etcd, nor hide what others say.

As client-go's EventCorrelator counts them for one object: 25 at once, and one more in five minutes. What is
dropped is in the status all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

BURST = 25
REFILL_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class _Bucket:
    left: float
    at: float
    """Unix seconds as of which so many are left."""


class Allowance:
    """A bucket for each monitor, by its UID."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def takes(self, uid: str, now: float) -> bool:
        """Whether one more is allowed; it is counted then."""
        left = self._left(uid, now)
        if left < 1.0:
            return False
        self._buckets[uid] = _Bucket(left - 1.0, now)
        self._forget_full(now)
        return True

    def _left(self, uid: str, now: float) -> float:
        bucket = self._buckets.get(uid, _Bucket(BURST, now))
        return min(float(BURST), bucket.left + max(0.0, now - bucket.at) / REFILL_SECONDS)

    def _forget_full(self, now: float) -> None:
        """Those that are full again are as good as new ones; of most nothing is remembered."""
        self._buckets = {uid: one for uid, one in self._buckets.items() if self._left(uid, now) < BURST}
