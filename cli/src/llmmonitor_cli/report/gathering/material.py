"""All that is known of one monitor, decoded; and what is missing, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llmmonitor_api.spec import LLMMonitor
from llmmonitor_api.status import MonitorStatus
from llmmonitor_operator.anomalies.cell import Cell
from llmmonitor_operator.drift.baseline import Baseline
from llmmonitor_operator.settings import Settings
from llmmonitor_operator.state import State


@dataclass(frozen=True, slots=True)
class Material:
    """One monitor."""

    namespace: str
    name: str
    uid: str
    state: State
    """As of `saved_at`."""
    status: MonitorStatus = field(default_factory=MonitorStatus)
    """Of the LLMMonitor; without one only the conditions, which are in the checkpoint."""
    has_status: bool = False
    """Whether there was an LLMMonitor to take it from."""
    monitor: LLMMonitor | None = None
    """Its spec; None where neither the object nor the checkpoint has a readable one."""
    settings: Settings | None = None
    """Of that spec."""
    saved_at: float | None = None
    """When the operator wrote the checkpoint, Unix seconds."""
    cells: Mapping[int, Cell] = field(default_factory=dict)
    """Five minutes each, by number since 1970: 35 days at most."""
    baseline: Baseline | None = None
    """That drift is judged by; None without a readable one."""
    missing: tuple[str, ...] = ()
    """What could not be found or read, each in a sentence."""

    @property
    def as_of(self) -> float | None:
        """The newest moment that anything here speaks of."""
        return max(filter(None, (self.saved_at, self.state.newest_at)), default=None)
