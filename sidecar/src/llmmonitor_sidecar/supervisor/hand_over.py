"""When an attached sidecar makes room for its successor: a state that is looked at, not a step that is taken.

Theory of operation. A successor (another version, attached by the operator) waits in the pod without child,
rule or port (`alone`). The operator then pushes `hand_over`. From that moment, and only while somebody really
waits, the sidecar at work takes its rule away, so that new connections go straight to the model, and reads on
what it carries. Once nothing of that is in flight, or after `PATIENCE_NS`, the supervisor ends the analyser
(which stays until its last report was fetched), has the relay stop listening, and gives up its claim: the
successor begins. Connections that stay open longer are carried on by the old relay, unread, until they end by
themselves: none is cut, and the container ends with the last of them. At no time are there two rules.

A sidecar whose configuration has run out asks itself: nobody whom it believes has spoken for a day, so that a
successor was sent under another signing key.

If the successor dies first, nobody waits any more: the rule comes back within a tick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmmonitor_sidecar.shared_page import Slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmmonitor_sidecar.shared_page import SharedPage

SETTLED_NS = 1_000_000_000
"""After the rule has gone: what was accepted in the last moment is carried and counted by then."""
PATIENCE_NS = 30_000_000_000
"""For requests in flight; new connections are not read meanwhile."""


class HandOver:
    """Whether a successor takes over from this sidecar.

    Args:
        page: analyser and relay say there what is asked for and what is in flight.
        has_successor: whether somebody waits.
    """

    def __init__(self, page: SharedPage, has_successor: Callable[[], bool]) -> None:
        self._page = page
        self._has_successor = has_successor
        self._since_ns = 0

    @property
    def has_begun(self) -> bool:
        """When last looked at, it was under way."""
        return self._since_ns != 0

    def under_way(self, now_ns: int) -> bool:
        """Whether to make room: asked for, and somebody waits."""
        if not (self._page[Slot.HAND_OVER_REQUESTED] and self._has_successor()):
            self._since_ns = 0
            return False
        self._since_ns = self._since_ns or now_ns
        return True

    def due(self, now_ns: int) -> bool:
        """Whether what was in flight is over, or has had its time; after `under_way` said so."""
        if not self._since_ns:
            return False
        waited_ns = now_ns - self._since_ns
        at_rest = not (self._page[Slot.OPEN_CONNECTIONS] and self._page[Slot.REQUESTS_IN_FLIGHT])
        return waited_ns >= PATIENCE_NS or (waited_ns >= SETTLED_NS and at_rest)
