"""Asks the node's DCGM exporter in NVML's place, in the analyser's loop and without ever being waited for.

It is asked only while the driver cannot be seen and is not merely silent: every 15 s, which is half of what
the exporter itself takes between two looks by default (dcgm-exporter, --collect-interval), and after failures
less and less often, up to a minute apart. One question at a time; what does not come within the session's
time-out is an ordinary outcome, said in `GPUs.exporter_error`, and so is text that is none. What came last
stands for a minute.
"""

from __future__ import annotations

import asyncio
import logging

import aiohttp
import msgspec

from llmmonitor_sidecar.engines import http
from llmmonitor_sidecar.engines.http import Unanswered
from llmmonitor_sidecar.engines.samples import BYTES_LIMIT, UnreadableExposition
from llmmonitor_sidecar.samplers.dcgm import exposition
from llmmonitor_sidecar.samplers.dcgm.figures import DCGMFigures
from llmmonitor_sidecar.samplers.dcgm.whose import Asking, NotTold
from llmmonitor_sidecar.samplers.gpu.sampler import Sampled

INTERVAL_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 60.0
STANDS_SECONDS = 60.0
"""After which what came last is no longer so."""
_ERROR_LENGTH = 512
_OK = 200
_SECOND = 1_000_000_000

_log = logging.getLogger(__name__)


class DCGMAsker:
    """One exporter, by its URL; `session` is one of `http.model_session`, which `close` closes."""

    def __init__(self, session: aiohttp.ClientSession, url: str, asking: Asking) -> None:
        self._session = session
        self.url = url
        self._figures = DCGMFigures(asking)
        self._running: asyncio.Task[None] | None = None
        self._due_ns: int | None = None
        self._failures = 0
        self._newest: Sampled | None = None
        self._newest_ns = 0
        self._error = "it has not answered yet"
        self._failed = False

    def beside(self, nvml: Sampled, now_ns: int) -> Sampled:
        """NVML's sample at CLOCK_MONOTONIC `now_ns` where it has one, else the exporter's."""
        energy = nvml.energy_millijoules + self._figures.energy_millijoules
        if nvml.gpus.visible or nvml.gpus.silent_seconds is not None:
            return Sampled(nvml.gpus, energy)
        if self._running is None and (self._due_ns is None or now_ns >= self._due_ns):
            self._running = asyncio.get_running_loop().create_task(self._in_background(now_ns))
        age_seconds = (now_ns - self._newest_ns) / _SECOND
        if self._newest is None or age_seconds > STANDS_SECONDS:
            said = msgspec.structs.replace(nvml.gpus, exporter_error=self._error)
            return Sampled(said, energy)
        gpus = msgspec.structs.replace(
            self._newest.gpus, reason=nvml.gpus.reason, sampled_age_seconds=age_seconds
        )
        return Sampled(gpus, energy)

    async def ask(self, now_ns: int) -> None:
        """Ask once, and keep what comes of it."""
        try:
            text = await self._text()
            # a node's whole text takes tens of milliseconds, which the loop shall not be held up for
            found = await asyncio.to_thread(exposition.read, text)
            gpus = self._figures.take(found, now_ns)
        except (Unanswered, UnreadableExposition, NotTold) as why:
            about = "" if isinstance(why, Unanswered) else f"{self.url}: "
            self._error = f"{about}{why}"[:_ERROR_LENGTH]
            self._failures += 1
        else:
            self._newest, self._newest_ns = Sampled(gpus), now_ns
            self._failures = 0
        pause = min(INTERVAL_SECONDS * 2.0 ** min(self._failures, 8), LONGEST_PAUSE_SECONDS)
        self._due_ns = now_ns + round(pause * _SECOND)

    async def _text(self) -> str:
        reply = await http.get(self._session, self.url, BYTES_LIMIT)
        if reply.status != _OK:
            raise Unanswered(f"GET {self.url}: status {reply.status}")
        return reply.body.decode(errors="replace")

    async def close(self) -> None:
        """Ask no more."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        await self._session.close()

    async def _in_background(self, now_ns: int) -> None:
        try:
            await self.ask(now_ns)
        except Exception as error:  # noqa: BLE001 - a defect of ours: logged once, said, and tried again
            if not self._failed:
                _log.exception("asking the DCGM exporter failed and is tried again")
            self._failed = True
            self._error = f"asking failed with {type(error).__name__}; the sidecar's log says more"
            self._due_ns = now_ns + round(LONGEST_PAUSE_SECONDS * _SECOND)
        finally:
            self._running = None
