"""The analyser's process: the shell around intake, samplers and endpoints.

One event loop does everything but the process sampler, which may block on procfs and has a thread. Every
await of the outside has a time-out, and when memory grows past a limit the half-read connections are given up
and counted: a monitor must never get the model's pod killed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
import uuid
from importlib.metadata import version

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.report import Report
from llmmonitor_api.signing import (
    ConfigurationVerifier,
    RequestVerifier,
    SignedConfiguration,
)
from llmmonitor_api.signing.probe_mark import ProbeMarks
from llmmonitor_api.signing.sealed import CannotUnseal, generate_sealing_key, unsealed
from llmmonitor_sidecar.analyser.engine_watch import EngineWatch
from llmmonitor_sidecar.analyser.in_force import InForce
from llmmonitor_sidecar.analyser.intake import Intake
from llmmonitor_sidecar.analyser.memory import Measure, MemoryWatch
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.analyser.report_maker import Boot, ReportMaker
from llmmonitor_sidecar.analyser.rest import Rest
from llmmonitor_sidecar.analyser.sampling import Sampling, is_at_rest, own_rss_bytes
from llmmonitor_sidecar.credential import credential_in
from llmmonitor_sidecar.endpoints.api import Sources
from llmmonitor_sidecar.endpoints.app import make_app
from llmmonitor_sidecar.endpoints.feedback import TOKEN, FeedbackDesk
from llmmonitor_sidecar.endpoints.people import People
from llmmonitor_sidecar.endpoints.server import serving
from llmmonitor_sidecar.kept_configuration import KeptConfiguration
from llmmonitor_sidecar.probes.budget import TokenBudget
from llmmonitor_sidecar.probes.prober import Prober, Surroundings
from llmmonitor_sidecar.settings import Mode, Settings
from llmmonitor_sidecar.shared_page import SharedPage, Slot
from llmmonitor_sidecar.signals.crosscheck import Wire, wire_of
from llmmonitor_sidecar.signals.judgements import Sample
from llmmonitor_sidecar.signals.throughput import Throughput
from llmmonitor_sidecar.supervisor.reasons import Reason
from llmmonitor_sidecar.tee import TeeReceiver

TICK_SECONDS = 0.25
IDLE_SECONDS = 1.0
"""Between looks while stopped, as long as a relay carries what it has (then: `rest`)."""
INSPECTION_SECONDS = 0.05
"""Between slices of the detectors' work, which so take a tenth of a core at most."""
API_RETRY_SECONDS = 1.0
"""A predecessor in this pod may still have the port; it must never be the end of us."""
LAST_PULL_SECONDS = 4.0
"""How long a stopping sidecar goes on answering, so that the last figures can be fetched; then it ends."""

HANDING_OVER_PULL_SECONDS = 15.0
"""The same when it ends for a successor, which the operator waits for: nobody else is held up."""

_log = logging.getLogger(__name__)


class OutOfBounds(RuntimeError):
    """The analyser takes more memory than it may."""


def run_analyser(settings: Settings, page: SharedPage, keeper: KeptConfiguration, tee: TeeReceiver) -> None:
    """Analyse until SIGTERM, and some seconds longer for the last pull."""
    asyncio.run(_Process(settings, page, keeper).run(tee))


class _Process:
    def __init__(self, settings: Settings, page: SharedPage, keeper: KeptConfiguration) -> None:
        self._settings = settings
        self._page = page
        self._in_force = InForce(settings, keeper)
        self._pulled = asyncio.Event()
        self._rest = Rest(page)
        self._started_at = keeper.started_at
        self._boot = Boot(uuid.uuid4().hex, time.time(), time.monotonic_ns(), version("llmmonitor-sidecar"))
        marks = ProbeMarks(settings.pod_uid)
        self._reader = TrafficReader(lambda mark: marks.is_ours(mark, time.time()))
        budget = TokenBudget(keeper.spending)
        self._prober = Prober(marks, self._surroundings, self._on_air, settings.pod_uid, budget=budget)
        token = credential_in(os.environ, TOKEN)
        self._feedback = FeedbackDesk(self._reader.outcomes, token, self._read_copies)
        self._reports = ReportMaker(settings, page, self._reader, self._boot)
        self._sealing_key = generate_sealing_key()
        self._reports.sealing_key = self._sealing_key.public_key().public_bytes_raw()
        self._reader.clients.set_clock(self._boot.started_at, self._boot.started_ns)
        self._reader.review.set_clock(self._boot.started_at, self._boot.started_ns * 1e-9)
        self._throughput = Throughput()
        self._memory = MemoryWatch(settings.memory_cap_bytes)
        keys, pod_uid = self._in_force.public_keys, settings.pod_uid
        self._requests = RequestVerifier(keys, pod_uid)
        self._configurations = ConfigurationVerifier(
            keys, pod_uid, self._started_at, self._in_force.configuration.generation
        )
        if self._in_force.pushed is not None:
            self._configurations.taken(self._in_force.pushed)

    async def run(self, tee: TeeReceiver) -> None:
        self._intake = Intake(tee, self._reader)
        reads = self._settings.mode is not Mode.OFF
        self._engine_watch = EngineWatch(self._reader.totals, self._wire, reads=reads)
        self._sampling = Sampling(self._settings, self._page, engine_watch=self._engine_watch)
        self._put_in_force()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal's Ctrl-C: the supervisor decides
        self._intake.start()
        async with asyncio.TaskGroup() as group:
            probing = self._prober.run(self._rest.pause)
            work = (self._serve(), self._tick(), self._inspect(), self._sample(), probing)
            tasks = [group.create_task(one) for one in work]
            await stop.wait()
            await self._last_pull()
            for task in tasks:
                task.cancel()
        self._intake.stop()
        await self._sampling.close()

    async def _last_pull(self) -> None:
        """Until somebody has got the last figures, or nobody came for them in time."""
        self._pulled.clear()
        try:
            async with asyncio.timeout(self._last_pull_seconds):
                await self._pulled.wait()
        except TimeoutError:
            _log.info("ending; nobody came for the last report")
        else:
            _log.info("ending; the last report was fetched")

    @property
    def _last_pull_seconds(self) -> float:
        if self._page[Slot.STEP_ASIDE_REASON] == Reason.HANDING_OVER:
            return HANDING_OVER_PULL_SECONDS
        return min(LAST_PULL_SECONDS, self._settings.stop_grace_seconds)

    async def _serve(self) -> None:
        """Answer for ever; a port that somebody else has is waited for."""
        host, port, sources = self._settings.api_host, self._settings.api_port, self._sources()
        said = ""
        while True:
            try:
                async with serving(make_app(sources), host, port):
                    _log.info("answering on port %d", port)
                    await asyncio.Event().wait()
            except OSError as error:
                if str(error) != said:
                    _log.error("no answers on %s port %d: %s; trying on", host, port, error)
                said = str(error)
                await asyncio.sleep(API_RETRY_SECONDS)

    async def _tick(self) -> None:
        while True:
            await self._rest.pause(IDLE_SECONDS if self._reports.stopped_because else TICK_SECONDS)
            self._read_on()
            now_ns = time.monotonic_ns()
            self._page[Slot.ANALYSER_HEARTBEAT_NS] = now_ns
            self._page[Slot.REQUESTS_IN_FLIGHT] = self._reader.live(self._intake.watermark_ns).in_flight
            self._page[Slot.MODEL_AT_REST_NS] = now_ns if is_at_rest(self._reports.engine) else 0
            self._watch_memory(now_ns)
            self._look_at_expiry()

    async def _inspect(self) -> None:
        """A defect of a detector costs what it looked at, never the analyser."""
        more = False
        while True:
            await (asyncio.sleep if more else self._rest.pause)(INSPECTION_SECONDS)
            more = False
            try:
                more = self._reader.inspect()
            except Exception as error:  # noqa: BLE001 - its traceback could show what was said
                _log.error(
                    "a detector failed with %s; what it looked at is not counted", type(error).__name__
                )

    def _read_copies(self) -> None:
        self._intake.drain()

    def _read_on(self) -> None:
        self._read_copies()
        all_passes = bool(self._page[Slot.ARMED]) and not self._page[Slot.BYPASSING_CONNECTIONS]
        self._reader.tick(self._intake.watermark_ns, all_passes=all_passes)

    def _look_at_expiry(self) -> None:
        """Tell the supervisor, and whoever asks, whether there is anything to do."""
        why = self._in_force.why_stopped(time.time())
        if why != self._reports.stopped_because:
            _log.warning("idle: %s", why) if why else _log.info("at work again")
        self._reports.stopped_because = why
        if why:  # who speaks for nobody keeps nothing of what was said
            self._reader.review.configure(None)
        expired = bool(why) and not self._in_force.configuration.stop
        # nobody whom it believes has spoken for a day: a successor that waits was sent by somebody else
        self._rest.ask(stop=bool(why), hand_over=self._in_force.configuration.hand_over or expired)

    def _watch_memory(self, now_ns: int) -> None:
        measure = self._memory.look(own_rss_bytes(), now_ns)
        if measure is Measure.SHED:
            _log.warning(
                "more than %d MiB in use: giving up half-read connections", self._memory.limit_bytes >> 20
            )
            self._reader.shed_all(now_ns)
        elif measure is Measure.END:
            limit = f"{self._memory.limit_bytes >> 20} MiB"
            raise OutOfBounds(f"still more than {limit} in use: ending, to be started anew")

    async def _sample(self) -> None:
        while True:
            began = time.monotonic()
            if self._reports.stopped_because:
                self._reports.resources = self._reports.engine = self._reports.gpus = None
                self._engine_watch.pause()
                await self._rest.pause(IDLE_SECONDS)
                continue
            await self._sampling.take()
            resources, engine = self._sampling.resources, self._sampling.engine
            self._reports.resources, self._reports.engine = resources, engine
            self._reports.gpus = self._sampling.gpus
            self._reports.gpu_energy_millijoules = self._sampling.gpu_energy_millijoules
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
            interval = self._in_force.configuration.resource_interval_seconds
            await asyncio.sleep(max(0.1, interval - (time.monotonic() - began)))

    def _sources(self) -> Sources:
        return Sources(
            current_report=self._report,
            apply=self._apply,
            reported=self._pulled.set,
            requests=self._requests,
            configurations=self._configurations,
            feedback=self._feedback,
            people=People(self._reader.review, self._erase, self._sealing_key, self._settings.pod_uid),
        )

    def _erase(self, client: str) -> tuple[int, int]:
        return self._reader.erase(client, self._intake.watermark_ns)

    def _report(self) -> Report:
        self._read_on()
        self._reports.probing = self._prober.standing.probing
        now, now_ns = time.time(), time.monotonic_ns()
        self._reader.clients.set_clock(now, now_ns)
        return self._reports.make(now, now_ns, self._intake.watermark_ns)

    def _surroundings(self) -> Surroundings:
        """For the next probe."""
        return Surroundings(
            base_url=self._sampling.base_url,
            listening=bool(self._page[Slot.MODEL_LISTENING]),
            engine=self._reports.engine,
            live=self._reader.live(self._intake.watermark_ns),
            working=not self._reports.stopped_because,
        )

    def _on_air(self, began: int) -> None:
        self._reader.totals.probes = self._prober.standing.counts
        self._reader.probe(began, time.monotonic_ns())

    def _wire(self) -> Wire:
        self._intake.drain()
        return wire_of(self._reader.totals, self._reader.live(self._intake.watermark_ns).in_flight)

    def _apply(self, signed: SignedConfiguration) -> None:
        self._in_force.take(signed)
        self._put_in_force()

    def _name_clients(self, configuration: Configuration) -> None:
        """By the key of the day; one that was sealed to an analyser before this one comes again."""
        given, key = configuration.clients, b""
        if given is not None:
            try:
                key = unsealed(given.sealed_key, self._sealing_key, self._settings.pod_uid)
            except CannotUnseal as error:
                _log.info("clients are not told apart for now: the key of the day is %s", error)
        self._reader.clients.name_by(given.header if given else "", given.key_id if given else "", key)

    def _count_words(self, configuration: Configuration) -> None:
        """By the monitor's key; one that was sealed to an analyser before this one comes again."""
        given = configuration.vocabulary
        if given is None or given.key_id == self._reader.features.vocabulary_key:
            return
        try:
            key = unsealed(given.sealed_key, self._sealing_key, self._settings.pod_uid)
            self._reader.features.count_words_by(given.key_id, key)
        except ValueError as error:
            _log.info("words are not counted for now: their key is %s", error)

    def _put_in_force(self) -> None:
        configuration = self._in_force.configuration
        self._reader.configure(configuration)
        self._name_clients(configuration)
        self._count_words(configuration)
        self._prober.configure(configuration.probes)
        self._feedback.configure(configuration.outcomes)
        self._reports.generation = configuration.generation
        keys = self._in_force.public_keys
        self._requests.trust(keys)
        self._configurations.trust(keys)
        self._reports.trusted_keys = tuple(keys)
        self._page[Slot.GENERATION_APPLIED] = configuration.generation
        self._page[Slot.MAX_ADDED_LATENCY_US] = int(configuration.max_added_latency_seconds * 1e6)
        self._page[Slot.DRAIN_IDLE_MS] = int(configuration.drain_idle_seconds * 1e3)
        _log.info("configuration of generation %d is in force", configuration.generation)
        self._look_at_expiry()
