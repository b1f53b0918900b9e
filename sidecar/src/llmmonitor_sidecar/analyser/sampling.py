"""Takes the samples of one resource interval: the model's processes, the engine's own figures, the GPUs.

procfs may block (a process in uninterruptible sleep), so the process sampler has one thread of its own; while
it hangs, no second sample is begun and the last one ages. A defect of it costs the sample and never the
analyser. The engine is asked directly, never through the relay, and one that is slow to answer, as before it
runs out of memory, holds up no other sample. The GPUs have a thread that is never waited for
(`samplers/gpu/thread.py`), and a DCGM exporter is asked in the background.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import msgspec

from llmmonitor_api.report.gpus import GPUs
from llmmonitor_api.report.report import Engine, Resources
from llmmonitor_sidecar.analyser.engine_watch import EngineWatch
from llmmonitor_sidecar.engines.http import model_session
from llmmonitor_sidecar.engines.scrape import EngineScraper
from llmmonitor_sidecar.samplers.dcgm.asker import DCGMAsker
from llmmonitor_sidecar.samplers.dcgm.exposition import Holder
from llmmonitor_sidecar.samplers.dcgm.whose import Asking
from llmmonitor_sidecar.samplers.gpu.sampler import GPUSampler
from llmmonitor_sidecar.samplers.gpu.thread import GPUThread
from llmmonitor_sidecar.samplers.model_process import ModelHint
from llmmonitor_sidecar.samplers.process_sampler import Limits, ProcessSampler
from llmmonitor_sidecar.settings import Settings
from llmmonitor_sidecar.shared_page import SharedPage, Slot

PROCESS_SAMPLE_SECONDS = 5.0
"""How long a sample is waited for; a later one is taken at the next look."""
ENGINE_PATIENCE_SECONDS = 0.5
"""How long the engine's answer is waited for; what comes later is taken at the next look."""
_ENGINE_SILENT_SECONDS = 2.0
NODE = "{node}"
"""Stands for the node's address in the URL of its DCGM exporter."""
_STATM = Path("/proc/self/statm")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

_log = logging.getLogger(__name__)


class Sampling:
    """The newest samples; made and used in the analyser's loop.

    `sample_processes` is called in a thread with CLOCK_MONOTONIC ns; None: the sampler of the model that
    `settings` speak of.
    """

    def __init__(
        self,
        settings: Settings,
        page: SharedPage,
        sample_processes: Callable[[int], Resources] | None = None,
        process_sample_seconds: float = PROCESS_SAMPLE_SECONDS,
        engine_watch: EngineWatch | None = None,
    ) -> None:
        self._asking: asyncio.Task[Engine] | None = None
        self._asked_ns = self._answered_ns = 0
        self._answered: Engine | None = None
        self._process_sample_seconds = process_sample_seconds
        self._engine_watch = engine_watch
        self.resources: Resources | None = None
        self.engine: Engine | None = None
        self.gpus: GPUs | None = None
        self.gpu_energy_millijoules = 0
        self._page = page
        hint = ModelHint(
            pid=settings.model_pid,
            command_part=settings.model_process,
            host=settings.target_host,
            port=settings.target_port,
            in_pod=settings.in_pod,
        )
        limits = Limits(settings.model_memory_limit_bytes, settings.model_cpu_limit_cores)
        own_network = settings.in_pod and not settings.host_network
        sampler = ProcessSampler(hint, self._sidecar_pids, limits=limits, own_network=own_network)
        self._sample_processes = sample_processes or sampler.sample
        self._gpus = GPUThread(GPUSampler(sampler.model_pids, settings.gpus_requested).sample)
        self._exporter = exporter_of(settings)
        self._sampler_failed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="processes")
        self._running: asyncio.Future[Resources] | None = None
        self._began_ns = self._sampled_ns = 0
        self._session: aiohttp.ClientSession = model_session()
        self._settings = settings
        self._not_on_loopback = False
        self._scraper = self._scraper_of(settings.target_host)

    @property
    def served_models(self) -> tuple[str, ...]:
        """What the engine says it serves."""
        return self._scraper.served_models

    @property
    def base_url(self) -> str:
        """Where the model itself answers."""
        host = self._settings.pod_ip if self._not_on_loopback else self._settings.target_host
        return f"http://{_in_url(host)}:{self._settings.target_port}"

    async def take(self) -> None:
        """Take all samples; what is not ready in time is left for the next call."""
        self._look_at_gpus()
        if self._running is None:
            loop = asyncio.get_running_loop()
            self._began_ns = time.monotonic_ns()
            self._running = loop.run_in_executor(self._thread, self._sample, self._began_ns)
        self._follow_model()
        await self._look_at_engine()
        done, _ = await asyncio.wait([self._running], timeout=self._process_sample_seconds)
        if done:
            self.resources, self._sampled_ns = self._running.result(), self._began_ns
            self._running = None
        if self.resources is not None:
            age_seconds = (time.monotonic_ns() - self._sampled_ns) * 1e-9
            self.resources = msgspec.structs.replace(self.resources, sampled_age_seconds=age_seconds)

    def _look_at_gpus(self) -> None:
        now_ns = time.monotonic_ns()
        sampled = self._gpus.look(now_ns)
        if sampled is not None and self._exporter is not None:
            sampled = self._exporter.beside(sampled, now_ns)
        if sampled is not None:
            self.gpus, self.gpu_energy_millijoules = sampled.gpus, sampled.energy_millijoules

    async def _look_at_engine(self) -> None:
        if self._asking is None:
            self._asked_ns = time.monotonic_ns()
            self._asking = asyncio.create_task(self._ask_engine())
        done, _ = await asyncio.wait([self._asking], timeout=ENGINE_PATIENCE_SECONDS)
        if done:
            self.engine = self._answered = self._asking.result()
            self._asking, self._answered_ns = None, time.monotonic_ns()
        elif self._answered is not None:
            self.engine = self._aged(self._answered, time.monotonic_ns())

    def _aged(self, engine: Engine, now_ns: int) -> Engine:
        """What it said last, while it is asked."""
        silent = (now_ns - self._asked_ns) * 1e-9
        error = (
            f"asked {silent:.0f} s ago, and has not answered yet" if silent > _ENGINE_SILENT_SECONDS else ""
        )
        age = engine.scraped_age_seconds
        return msgspec.structs.replace(
            engine,
            error=engine.error or error,
            scraped_age_seconds=None if age is None else age + (now_ns - self._answered_ns) * 1e-9,
        )

    async def _ask_engine(self) -> Engine:
        if self._engine_watch is None or not self._scraper.is_due:
            return await self._scraper.scrape()
        self._engine_watch.begin()
        engine = await self._scraper.scrape()
        if self._scraper.figures is not None:
            self._engine_watch.end(self._scraper.figures)
        return engine

    def _follow_model(self) -> None:
        """Some models in pods listen on the pod's address alone; who moves is asked anew who it is."""
        not_on_loopback = self._settings.in_pod and bool(self._page[Slot.MODEL_NOT_ON_LOOPBACK])
        if not_on_loopback != self._not_on_loopback:
            self._not_on_loopback = not_on_loopback
            self._scraper = self._scraper_of(
                self._settings.pod_ip if not_on_loopback else self._settings.target_host
            )

    def _scraper_of(self, host: str) -> EngineScraper:
        base_url = f"http://{_in_url(host)}:{self._settings.target_port}"
        return EngineScraper(self._session, base_url, metrics_url=self._settings.metrics_url)

    async def close(self) -> None:
        """Let go of connections and of the threads, without waiting for them."""
        self._gpus.close()
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        if self._exporter is not None:
            await self._exporter.close()
        self._thread.shutdown(wait=False, cancel_futures=True)
        await self._session.close()

    def _sample(self, now_ns: int) -> Resources:
        """In the thread."""
        try:
            resources = self._sample_processes(now_ns)
        except Exception as error:  # noqa: BLE001 - a defect of ours: logged once, said, and tried again
            if not self._sampler_failed:
                _log.exception("the process sampler failed and is tried again")
            self._sampler_failed = True
            why = f"the sampler failed with {type(error).__name__}; the sidecar's log says more"
            return Resources(processes_visible=False, reason=why)
        self._sampler_failed = False
        return resources

    def _sidecar_pids(self) -> Iterator[int]:
        yield from (os.getppid(), os.getpid(), self._page[Slot.RELAY_PID])


def is_at_rest(engine: Engine | None) -> bool:
    """Whether the engine itself says that it works on nothing; False where it does not say."""
    if engine is None or engine.error or engine.running is None or engine.waiting is None:
        return False
    return engine.running + engine.waiting == 0


def own_rss_bytes() -> int:
    """This process's resident memory."""
    return int(_STATM.read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


def exporter_of(settings: Settings) -> DCGMAsker | None:
    """Where there are GPUs to be asked for, and somebody to be asked."""
    if not settings.dcgm_exporter or not settings.gpus_requested:
        return None
    pod = Holder(settings.pod_namespace, settings.pod_name, settings.pod_uid)
    on_the_node = NODE in settings.dcgm_exporter
    url = settings.dcgm_exporter.replace(NODE, _in_url(settings.host_ip))
    return DCGMAsker(model_session(), url, Asking(pod, settings.gpus_requested, on_the_node))


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
