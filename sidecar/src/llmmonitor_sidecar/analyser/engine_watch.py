"""Holds the engine's counters against the wire each time the engine is asked: both of the same moment."""

from __future__ import annotations

from collections.abc import Callable

from llmmonitor_api.report.totals import Totals
from llmmonitor_sidecar.engines.figures import Figures
from llmmonitor_sidecar.engines.ledger import EngineLedger
from llmmonitor_sidecar.signals.crosscheck import CrossCheck, Wire


class EngineWatch:
    """Adds to `totals.engine` and, where the wire is read at all, to `totals.compared`.

    `wire` gives what was counted up to now, with everything that the relay has copied.
    """

    def __init__(self, totals: Totals, wire: Callable[[], Wire], *, reads: bool = True) -> None:
        self._wire = wire
        self._ledger = EngineLedger(totals)
        self._crosscheck = CrossCheck(totals) if reads else None
        self._before = Wire()

    def begin(self) -> None:
        """The engine is about to be asked."""
        self._before = self._wire()

    def end(self, figures: Figures) -> None:
        """It has answered; not called when it has not."""
        course = self._ledger.take(figures)
        if self._crosscheck is not None:
            self._crosscheck.take(figures, self._before, self._wire(), course)

    def pause(self) -> None:
        """The wire is not read for a while: what happens meanwhile is compared with nothing."""
        if self._crosscheck is not None:
            self._crosscheck.pause()
