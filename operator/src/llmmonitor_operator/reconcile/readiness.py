"""Whether the operator is ready: who waits, when it knows for whom; who leads, when it has seen the cluster.

A standby is ready, so that a roll-out goes on and an installation that is waited for ends. A process that
cannot even read the Lease (no rights, no API server) is not: a roll-out must not take it for a successor.
"""

from __future__ import annotations


class Readiness:
    """Of this process."""

    def __init__(self) -> None:
        self._waits_for_lease = True
        self._takes_over = False

    def read_lease(self) -> None:
        """The Lease was read, or it is known that there is none."""
        self._waits_for_lease = False

    def takes_over(self) -> None:
        """The Lease is ours; the cluster is being read."""
        self._takes_over = True

    def leads(self) -> None:
        """All that is judged by was read once."""
        self._takes_over = False

    def why_not(self) -> str:
        """In words; empty when it is ready."""
        if self._waits_for_lease:
            return "the Lease was not read yet"
        return "taking over: the cluster was not read yet" if self._takes_over else ""
