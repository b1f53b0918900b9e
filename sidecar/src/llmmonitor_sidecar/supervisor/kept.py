"""A child that shall run: forked again when it dies, later each time when it keeps dying."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

from llmmonitor_sidecar.supervisor import restart

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmmonitor_sidecar.supervisor.children import Child, Death

_log = logging.getLogger(__name__)


class Kept:
    """One kind of child, and the living one of it."""

    def __init__(self, name: str, start: Callable[[], Child], backoff: restart.Backoff) -> None:
        self.child: Child | None = None
        self._name = name
        self._start = start
        self._backoff = backoff
        self._row = restart.Row()
        self._retired: Child | None = None

    def start_when_due(self, now_ns: int) -> None:
        """Fork if there is none and the wait is over; a start that fails counts as a death."""
        if self.child is not None or now_ns < self._row.start_at_ns:
            return
        try:
            self.child = self._start()
        except OSError as error:
            self._row = restart.after_death(self._row, 0, now_ns, self._backoff)
            _log.warning("%s cannot be started: %s", self._name, error)
        else:
            _log.info("%s started: pid=%d", self._name, self.child.pid)

    def retire(self) -> None:
        """Ask the living one to end, once; without `start_when_due` it has no successor."""
        if self.child is not None and self.child is not self._retired:
            self._retired = self.child
            self.child.signal(signal.SIGTERM)

    def on_death(self, death: Death, now_ns: int) -> bool:
        """Take note if it was ours that died; whether it was."""
        child = self.child
        if child is None or child.pid != death.pid:
            return False
        self._row = restart.after_death(
            self._row, now_ns - child.started_ns, now_ns, self._backoff, killed=death.exit_status < 0
        )
        self.child = None
        _log.warning("%s ended: pid=%d status=%d", self._name, death.pid, death.exit_status)
        return True
