"""Takes the relay's copies out of the tee, in batches, and says up to when everything has been read.

The watermark is the time just before the tee was found empty: the relay publishes once per pass of its loop,
so what was read from a socket before that moment has been seen. Everything that judges by time (thresholds
passed, no progress) uses it and never the wall, or a lagging analyser would call the model slow.
"""

from __future__ import annotations

import asyncio
import time

from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.tee import TeeReceiver

BATCH_SECONDS = 0.01
"""How long copies may gather before they are read: fewer and larger batches; the stamps are the relay's."""
BUSY_NS = 50_000_000
"""How long one batch may keep the loop from everything else."""


class Intake:
    """Feeds `reader` from `tee` in the running event loop; made and used in one thread."""

    def __init__(self, tee: TeeReceiver, reader: TrafficReader, *, busy_ns: int = BUSY_NS) -> None:
        self._tee = tee
        self._reader = reader
        self._busy_ns = busy_ns
        self._loop = asyncio.get_running_loop()
        self._pending: asyncio.TimerHandle | asyncio.Handle | None = None
        self.watermark_ns = time.monotonic_ns()

    def start(self) -> None:
        """Read from now on, whenever there is something."""
        self._wake_when_ready()

    def stop(self) -> None:
        """Read no more."""
        self._loop.remove_reader(self._tee.fileno())
        self._cancel_pending()

    def drain(self) -> None:
        """Read what is there, for a bounded time; goes on by itself when that was not all."""
        self._cancel_pending()  # called from elsewhere: else each call under load would go on for itself
        began_ns = now_ns = time.monotonic_ns()
        while now_ns - began_ns < self._busy_ns:
            records = self._tee.read()
            if not records:
                self.watermark_ns = now_ns
                self._wake_when_ready()
                return
            self.watermark_ns = max(self.watermark_ns, records[-1].at_ns)
            self._reader.take(records)
            now_ns = time.monotonic_ns()
        self._pending = self._loop.call_soon(self.drain)

    def _cancel_pending(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None

    def _wake_when_ready(self) -> None:
        self._loop.add_reader(self._tee.fileno(), self._ready)

    def _ready(self) -> None:
        self._loop.remove_reader(self._tee.fileno())  # else the loop would spin on it until the batch is read
        if self._pending is None:
            self._pending = self._loop.call_later(BATCH_SECONDS, self.drain)
