"""Which keys each sidecar said it believes: by it the operator signs, and knows when an old key may go.

Learnt from every report; nothing of it lasts, since the next leader asks everybody anyway.
"""

from __future__ import annotations

from collections.abc import Collection


class Trust:
    """By pod UID."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ...]] = {}
        self._out_of_reach: set[str] = set()

    def learned(self, uid: str, ids: Collection[str]) -> None:
        """It said so just now."""
        self._known[uid] = tuple(ids)
        self._out_of_reach.discard(uid)

    def lost(self, uid: str) -> None:
        """It did not answer, or believes none of our keys."""
        self._out_of_reach.add(uid)

    def of(self, uid: str) -> tuple[str, ...]:
        """Names of the keys it said it believes; empty before it has said any."""
        return self._known.get(uid, ())

    def waits_for(self, uid: str, key_id: str) -> bool:
        """Whether it is still to learn this key: one that is out of reach is not waited for."""
        return uid not in self._out_of_reach and key_id not in self.of(uid)

    def forget_but(self, uids: Collection[str]) -> None:
        """The others are gone."""
        self._known = {uid: ids for uid, ids in self._known.items() if uid in uids}
        self._out_of_reach.intersection_update(uids)
