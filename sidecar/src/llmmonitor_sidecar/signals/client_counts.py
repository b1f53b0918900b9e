"""Clients told apart, to find the one that floods or attacks: counts by keyed hash over a sliding window.

The key is of this process and renewed every day, so that nobody can be followed for longer, nor found by
whoever reads a report, which holds numbers of clients alone. By address as the relay saw it; behind a proxy
that is the proxy's. Of more than CLIENTS_LIMIT at once the rest is not followed.
"""

from __future__ import annotations

import secrets
from collections import Counter, deque
from hashlib import blake2b

from llmmonitor_api.report.interactions import ClientsSeen

CELLS = 12
"""Of a window, which moves by one of them at a time."""
CLIENTS_LIMIT = 4_096
"""Per cell."""
DAY_SECONDS = 86_400.0
REQUESTS = ""
"""The kind under which a client's requests are counted."""
_HASH_BYTES = 8


class ClientCounts:
    """Counts by client and kind."""

    def __init__(self, window_seconds: float = 3600.0) -> None:
        self._window_seconds = window_seconds
        self._cells: deque[tuple[int, Counter[tuple[bytes, str]]]] = deque()
        self._day = -1
        self._key = b""

    def configure(self, window_seconds: float) -> None:
        """Count over that long from now on, at most a day, which is how long a key holds."""
        window_seconds = min(window_seconds, DAY_SECONDS)
        if window_seconds != self._window_seconds:
            self._window_seconds = window_seconds
            self._cells.clear()

    def count(self, address: str, kinds: frozenset[str], now_seconds: float) -> None:
        """One request of the client at `address`, in which `kinds` were found."""
        self._turn(now_seconds)
        cell = self._cell(now_seconds)
        client = self._name(address)
        if (client, REQUESTS) not in cell and len(cell) >= CLIENTS_LIMIT:
            return
        for kind in (REQUESTS, *kinds):
            cell[client, kind] += 1

    def name(self, address: str, now_seconds: float) -> str:
        """What the client at `address` is called today, as hexadecimal digits; empty without an address."""
        self._turn(now_seconds)
        return self._name(address).hex() if address else ""

    def erase(self, address: str) -> int:
        """Forget the client at `address`; how many figures of it there were."""
        client, before = self._name(address), sum(len(cell) for _, cell in self._cells)
        for _, cell in self._cells:
            for key in [key for key in cell if key[0] == client]:
                del cell[key]
        return before - sum(len(cell) for _, cell in self._cells)

    def _name(self, address: str) -> bytes:
        return blake2b(address.encode(), key=self._key, digest_size=_HASH_BYTES).digest()

    def seen(self, now_seconds: float) -> ClientsSeen:
        """As of now."""
        self._turn(now_seconds)
        total: Counter[tuple[bytes, str]] = Counter()
        for _, cell in self._cells:
            total.update(cell)
        most: dict[str, int] = {}
        clients: Counter[str] = Counter()
        for (_, kind), times in total.items():
            most[kind] = max(most.get(kind, 0), times)
            clients[kind] += 1
        return ClientsSeen(
            window_seconds=self._window_seconds,
            clients=clients.pop(REQUESTS, 0),
            most_requests=most.pop(REQUESTS, 0),
            most_findings=most,
            with_findings=dict(clients),
        )

    def _cell(self, now_seconds: float) -> Counter[tuple[bytes, str]]:
        index = self._index(now_seconds)
        if not self._cells or self._cells[-1][0] < index:
            self._cells.append((index, Counter()))
        return self._cells[-1][1]

    def _index(self, now_seconds: float) -> int:
        return int(now_seconds / (self._window_seconds / CELLS))

    def _turn(self, now_seconds: float) -> None:
        """A new key with every day; what was counted under the old one is nobody's any more."""
        day = int(now_seconds / DAY_SECONDS)
        if day != self._day:
            self._day, self._key = day, secrets.token_bytes(32)
            self._cells.clear()
        oldest = self._index(now_seconds) - CELLS
        while self._cells and self._cells[0][0] <= oldest:
            self._cells.popleft()
