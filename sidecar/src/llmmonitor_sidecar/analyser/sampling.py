"""Takes the samples of one resource interval: the model's processes and the engine's own figures.

procfs may block (a process in uninterruptible sleep), so the process sampler has one thread of its own; while
it hangs, no second sample is begun and the last one ages. The engine is asked directly, never through the
relay, and bounds its own time.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp

from llmmonitor_api.report.report import Engine, Resources
from llmmonitor_sidecar.engines.http import model_session
from llmmonitor_sidecar.engines.scrape import EngineScraper
from llmmonitor_sidecar.samplers.model_process import ModelHint
from llmmonitor_sidecar.samplers.process_sampler import ProcessSampler
from llmmonitor_sidecar.settings import Settings
from llmmonitor_sidecar.shared_page import SharedPage, Slot

_PROCESS_SAMPLE_SECONDS = 5.0
_STATM = Path("/proc/self/statm")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Sampling:
    """The newest samples; made and used in the analyser's loop."""

    def __init__(self, settings: Settings, page: SharedPage) -> None:
        self.resources: Resources | None = None
        self.engine: Engine | None = None
        self._page = page
        hint = ModelHint(
            pid=settings.model_pid,
            command_part=settings.model_process,
            host=settings.target_host,
            port=settings.target_port,
        )
        self._processes = ProcessSampler(hint, self._sidecar_pids)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="processes")
        self._running: asyncio.Future[Resources] | None = None
        self._session: aiohttp.ClientSession = model_session()
        self._scraper = EngineScraper(
            self._session,
            f"http://{_in_url(settings.target_host)}:{settings.target_port}",
            metrics_url=settings.metrics_url,
        )

    @property
    def served_models(self) -> tuple[str, ...]:
        """What the engine says it serves."""
        return self._scraper.served_models

    async def take(self) -> None:
        """Take both samples; what is not ready in time is left for the next call."""
        if self._running is None:
            loop = asyncio.get_running_loop()
            self._running = loop.run_in_executor(self._thread, self._processes.sample, time.monotonic_ns())
        self.engine = await self._scraper.scrape()
        done, _ = await asyncio.wait([self._running], timeout=_PROCESS_SAMPLE_SECONDS)
        if done:
            self.resources, self._running = self._running.result(), None

    async def close(self) -> None:
        """Let go of connections and of the thread, without waiting for it."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        await self._session.close()

    def _sidecar_pids(self) -> Iterator[int]:
        yield from (os.getppid(), os.getpid(), self._page[Slot.RELAY_PID])


def own_rss_bytes() -> int:
    """This process's resident memory."""
    return int(_STATM.read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
