"""How long a heart has stood still, in the watcher's own running time.

A gap between two looks in which the watcher itself did not run (frozen, starved) is no fault of the watched:
of each gap a little counts and not more.
"""

from __future__ import annotations

LOOK_LIMIT_NS = 200_000_000
"""Twice the supervisor's tick."""


class Silence:
    """Of one process; a new process gets a new one."""

    def __init__(self, limit_ns: int) -> None:
        self._limit_ns = limit_ns
        self._heartbeat: int | None = None
        self._silent_ns = 0
        self._looked_ns = 0

    def exceeds_limit(self, heartbeat: int, now_ns: int, look_limit_ns: int = LOOK_LIMIT_NS) -> bool:
        """Look once more; whether `heartbeat` has not changed for longer than the limit.

        Of the gap since the last look `look_limit_ns` counts at most: more where looks are rarer by intent.
        """
        if heartbeat != self._heartbeat:
            self._silent_ns = 0
        else:
            self._silent_ns += min(now_ns - self._looked_ns, look_limit_ns)
        self._heartbeat, self._looked_ns = heartbeat, now_ns
        return self._silent_ns > self._limit_ns
