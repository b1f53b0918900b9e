"""What the whole sidecar takes, against what it allows itself: pure.

An attached sidecar has no limit of its own (ephemeral containers have no resources): what it takes counts in
the model's pod, and the kernel may then kill the model. So it is the sidecar that dies, in the order of what
is missed least: the analyser first, which holds nothing that its successor cannot do without, and the relay,
whose connections would be reset, only when it is itself the one that grew.
"""

from __future__ import annotations

import dataclasses
import enum

LOOK_INTERVAL_NS = 1_000_000_000
SHARE = 0.9
"""Of the cap; the rest is what is not looked at: the tee's memory, sockets' buffers, page tables."""


class Grown(enum.Enum):
    """Who is to be ended."""

    NOBODY = enum.auto()
    ANALYSER = enum.auto()
    RELAY = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """Memory of the three processes that no file backs, in bytes; pages shared by fork count in each."""

    supervisor: int
    relay: int
    analyser: int

    @property
    def total(self) -> int:
        """Of the sidecar."""
        return self.supervisor + self.relay + self.analyser


def grown(use: Use, cap_bytes: int) -> Grown:
    """Whom to end so that the sidecar stays below `cap_bytes`."""
    if use.total <= cap_bytes * SHARE:
        return Grown.NOBODY
    if use.analyser >= use.relay:
        return Grown.ANALYSER
    return Grown.RELAY
