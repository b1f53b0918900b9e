"""Verdicts on their way from the person who gave them to the next pass of the monitor, which keeps them.

In memory: what a process that dies here loses is in the audit chain, and missing in the figures.
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from llmmonitor_operator.review_kept import Given, with_verdict
from llmmonitor_operator.state import State

_CLIENTS_LIMIT = 10_000


class VerdictInbox:
    """Of all monitors."""

    def __init__(self) -> None:
        self._given: dict[str, list[Given]] = defaultdict(list)
        self._clients: dict[tuple[str, str], int] = {}
        """The numbers of clients whose cases were judged, by monitor and name; in no checkpoint."""

    def put(self, uid: str, given: Given) -> None:
        """For the monitor with this UID."""
        self._given[uid].append(given)

    def taken(self, uid: str, state: State) -> State:
        """The state with all that came for it."""
        kept = state.review
        for given in self._given.pop(uid, ()):
            kept = with_verdict(kept, given, self._number(uid, given.drawn.client, kept.clients))
        return state if kept is state.review else msgspec.structs.replace(state, review=kept)

    def forget(self, uid: str) -> None:
        """The monitor is gone."""
        self._given.pop(uid, None)
        self._clients = {key: number for key, number in self._clients.items() if key[0] != uid}

    def _number(self, uid: str, client: str, new: int) -> int:
        if not client:
            return new
        if len(self._clients) >= _CLIENTS_LIMIT:
            self._clients.clear()  # they count as others from here on
        return self._clients.setdefault((uid, client), new)
