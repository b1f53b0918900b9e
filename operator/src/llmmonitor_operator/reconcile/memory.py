"""What is kept of one monitor between two passes; each pass goes on with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmmonitor_api.status import RestartStatus
from llmmonitor_operator.evaluate import WindowSums
from llmmonitor_operator.gather.accumulate import NOTHING_ADDED, Added
from llmmonitor_operator.reconcile.ownership import Owned
from llmmonitor_operator.reconcile.rest import Kept, Rest
from llmmonitor_operator.reconcile.sidecars.pods_memory import PodsMemory
from llmmonitor_operator.state import State


@dataclass(slots=True)
class Memory:
    """Of one monitor."""

    uid: str
    state: State
    pods: PodsMemory = field(default_factory=PodsMemory)
    sums: WindowSums = field(default_factory=WindowSums)
    restart: RestartStatus | None = None
    """How far `existingPods: Restart` has come, as it stands in the status."""
    owned: tuple[object, Owned] | None = None
    """Whose the pods were at the last look, and what that was seen in."""
    rest: Rest | None = None
    """None: the next pass has everything to do."""
    kept: Kept | None = None
    """What was said in the newest look since the last pass; in no figure yet."""
    news: Added = NOTHING_ADDED
    """What was added since the last evaluation."""
    pulled: bool = False
    """Whether this process has asked its sidecars before."""
    status_failures: int = 0
    """How often in a row its status could not be written."""
    status_again_at: float = 0.0
    """When it is tried again (Unix seconds)."""
