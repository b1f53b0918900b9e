"""Shows what is going on while following: live in a terminal, else a line per change, or nothing."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live

from llmmonitor_cli.describe import Event
from llmmonitor_cli.monitoring import Monitoring
from llmmonitor_cli.view import Snapshot, render


class Screen:
    """Where a person watches. Standard output is kept for what comes at the end; this writes to `console`."""

    def __init__(self, console: Console, title: str, *, quiet: bool) -> None:
        self._console = console
        self._title = title
        self._quiet = quiet
        self._phase = "starting"
        self._live: Live | None = None

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show from now on, as long as the context lasts."""
        if self._quiet or not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, refresh_per_second=4, transient=True) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def announce(self, text: str) -> None:
        """What one must know to use it, whatever else is shown."""
        self._phase = text
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def say(self, phase: str) -> None:
        """What happens now, for a person."""
        self._phase = phase
        if not self._quiet and self._live is None:
            self._console.print(f"{datetime.now(UTC):%H:%M:%S}  {phase}", highlight=False, soft_wrap=True)

    def update(
        self, monitoring: Monitoring, changed: tuple[Event, ...], clients: Counter[str] | None = None
    ) -> None:
        """There is something newer."""
        if self._live is not None:
            snapshot = Snapshot(
                title=self._title,
                phase=self._phase,
                status=monitoring.status,
                live=monitoring.live,
                clients=clients or Counter(),
                events=tuple(monitoring.events),
                problem=monitoring.problem,
            )
            self._live.update(render(snapshot))
        elif not self._quiet:
            for event in changed:
                line = f"{event.at:%H:%M:%S}  {event.type:<8} {event.reason}: {event.message}"
                self._console.print(line, highlight=False, markup=False, soft_wrap=True)
