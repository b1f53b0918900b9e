"""The analyser's process: the shell around intake, samplers and endpoints.

One event loop does everything but the process sampler, which may block on procfs and has a thread. Every
await of the outside has a time-out, and when memory grows past a limit the half-read connections are given up
and counted: a monitor must never get the model's pod killed.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
import uuid
from importlib.metadata import version

import msgspec

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.report import Report
from llmmonitor_api.signing import (
    ConfigurationVerifier,
    RequestVerifier,
    SignedConfiguration,
    public_key_from_bytes,
    public_keys_by_id,
)
from llmmonitor_sidecar.analyser.intake import Intake
from llmmonitor_sidecar.analyser.memory import LIMIT_BYTES, Measure, MemoryWatch
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.analyser.report_maker import Boot, ReportMaker
from llmmonitor_sidecar.analyser.sampling import Sampling, own_rss_bytes
from llmmonitor_sidecar.endpoints.api import Sources
from llmmonitor_sidecar.endpoints.app import make_app
from llmmonitor_sidecar.endpoints.server import serving
from llmmonitor_sidecar.settings import Settings
from llmmonitor_sidecar.shared_page import SharedPage, Slot
from llmmonitor_sidecar.signals.objectives import Sample
from llmmonitor_sidecar.signals.throughput import Throughput
from llmmonitor_sidecar.tee import TeeReceiver

TICK_SECONDS = 0.25
FIRST_CONFIGURATION_SECONDS = 24 * 3600.0
"""How long the configuration from the environment holds when somebody holds the key to renew it."""
LAST_PULL_SECONDS = 4.0
"""How long a stopping sidecar goes on answering, so that the last figures can be fetched."""

_log = logging.getLogger(__name__)


class OutOfBounds(RuntimeError):
    """The analyser takes more memory than it may."""


def run_analyser(settings: Settings, page: SharedPage, tee: TeeReceiver) -> None:
    """Analyse until SIGTERM, and some seconds longer for the last pull."""
    asyncio.run(_Process(settings, page).run(tee))


class _Process:
    def __init__(self, settings: Settings, page: SharedPage) -> None:
        self._settings = settings
        self._page = page
        self._boot = Boot(uuid.uuid4().hex, time.time(), time.monotonic_ns(), version("llmmonitor-sidecar"))
        self._reader = TrafficReader()
        self._reports = ReportMaker(settings, page, self._reader, self._boot)
        self._throughput = Throughput()
        self._memory = MemoryWatch()
        self._configuration = Configuration(
            resource_interval_seconds=settings.resource_interval_seconds,
        )
        self._expires_at = (
            self._boot.started_at + FIRST_CONFIGURATION_SECONDS if settings.public_keys else None
        )

    async def run(self, tee: TeeReceiver) -> None:
        self._intake = Intake(tee, self._reader)
        self._sampling = Sampling(self._settings, self._page)
        if self._settings.configuration:
            self._put_in_force(_first_configuration(self._settings.configuration))
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal's Ctrl-C: the supervisor decides
        self._intake.start()
        app, settings = make_app(self._sources()), self._settings
        async with serving(app, settings.api_host, settings.api_port), asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._tick()), group.create_task(self._sample())]
            await stop.wait()
            await asyncio.sleep(min(LAST_PULL_SECONDS, settings.stop_grace_seconds))
            for task in tasks:
                task.cancel()
        self._intake.stop()
        await self._sampling.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._intake.drain()
            self._reader.tick(self._intake.watermark_ns)
            now_ns = time.monotonic_ns()
            self._page[Slot.ANALYSER_HEARTBEAT_NS] = now_ns
            self._watch_memory(now_ns)
            if self._expires_at is not None and time.time() > self._expires_at:
                self._page[Slot.STOP_REQUESTED] = 1

    def _watch_memory(self, now_ns: int) -> None:
        measure = self._memory.look(own_rss_bytes(), now_ns)
        if measure is Measure.SHED:
            _log.warning("more than %d MiB in use: giving up half-read connections", LIMIT_BYTES >> 20)
            self._reader.shed_all(now_ns)
        elif measure is Measure.END:
            raise OutOfBounds(f"still more than {LIMIT_BYTES >> 20} MiB in use: ending, to be started anew")

    async def _sample(self) -> None:
        while True:
            began = time.monotonic()
            await self._sampling.take()
            resources, engine = self._sampling.resources, self._sampling.engine
            self._reports.resources, self._reports.engine = resources, engine
            self._reader.models.serves(self._sampling.served_models)
            watermark_ns = self._intake.watermark_ns
            sample = Sample(
                engine=engine if engine is not None and not engine.error else None,
                model_listening=bool(self._page[Slot.MODEL_LISTENING]),
                tokens_per_second=self._throughput.look(
                    watermark_ns, self._reader.tokens_so_far(), self._reader.live(watermark_ns).in_flight
                ),
            )
            self._reader.sample(sample, watermark_ns)
            interval = self._configuration.resource_interval_seconds
            await asyncio.sleep(max(0.1, interval - (time.monotonic() - began)))

    def _sources(self) -> Sources:
        keys = public_keys_by_id(public_key_from_bytes(key) for key in self._settings.public_keys)
        return Sources(
            current_report=self._report,
            apply=self._apply,
            requests=RequestVerifier(keys, self._settings.pod_uid),
            configurations=ConfigurationVerifier(
                keys, self._settings.pod_uid, self._boot.started_at, self._configuration.generation
            ),
        )

    def _report(self) -> Report:
        self._intake.drain()
        self._reader.tick(self._intake.watermark_ns)
        return self._reports.make(time.time(), time.monotonic_ns(), self._intake.watermark_ns)

    def _apply(self, signed: SignedConfiguration) -> None:
        self._expires_at = signed.expires_at
        self._put_in_force(signed.configuration)

    def _put_in_force(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._reader.configure(configuration)
        self._reports.generation = configuration.generation
        self._page[Slot.GENERATION_APPLIED] = configuration.generation
        self._page[Slot.STOP_REQUESTED] = int(configuration.stop)
        self._page[Slot.MAX_ADDED_LATENCY_US] = int(configuration.max_added_latency_seconds * 1e6)
        _log.info("configuration of generation %d is in force", configuration.generation)


def _first_configuration(document: bytes) -> Configuration:
    try:
        return msgspec.json.decode(document, type=Configuration)
    except msgspec.MsgspecError as error:
        _log.error("LLM_MONITOR_CONFIGURATION is not a configuration: %s; going on with the defaults", error)
        return Configuration()
