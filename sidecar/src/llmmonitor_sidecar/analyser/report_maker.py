"""Puts a report together: the signals' totals, the request path's numbers from the shared page, the gauges.

The page outlives an analyser: its totals do not begin at zero with a new boot. Each report leaves behind,
on the page itself, how far it came, and the next analyser's reports begin there. So nothing that the request
path did while no analyser was alive is lost, and nothing is counted twice.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

import msgspec

from llmmonitor_api.report.gpus import GPUs
from llmmonitor_api.report.probing import Probing
from llmmonitor_api.report.report import Engine, Identity, InterceptionState, Report, Resources
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.settings import Mode, Settings
from llmmonitor_sidecar.shared_page import SharedPage, Slot
from llmmonitor_sidecar.supervisor.reasons import name_of

RELAY_HEARTBEAT_LIMIT_NS = 1_000_000_000
_COUNTS = {
    "accepted": Slot.ACCEPTED_TOTAL,
    "upstream_refused": Slot.UPSTREAM_REFUSED_TOTAL,
    "bytes_to_model": Slot.BYTES_TO_MODEL_TOTAL,
    "bytes_to_client": Slot.BYTES_TO_CLIENT_TOTAL,
    "shed_bytes": Slot.TEE_DROPPED_BYTES_TOTAL,
    "shed_connections": Slot.TEE_LOST_CONNECTIONS_TOTAL,
    "step_asides": Slot.STEP_ASIDES_TOTAL,
    "blind_nanoseconds": Slot.BLIND_NS_TOTAL,
    "relay_starts": Slot.RELAY_STARTS_TOTAL,
    "analyser_starts": Slot.ANALYSER_STARTS_TOTAL,
    "drained_connections": Slot.DRAINED_TOTAL,
}
"""Fields of InterceptionCounts that the page has."""
_REPORTED = {name: Slot[f"REPORTED_{slot.name}"] for name, slot in _COUNTS.items()}


@dataclass(frozen=True, slots=True)
class Boot:
    """One life of the analyser."""

    boot_id: str
    started_at: float
    """Unix seconds."""
    started_ns: int
    """CLOCK_MONOTONIC."""
    sidecar_version: str


class ReportMaker:
    """Makes reports of one boot; `sequence` grows with each."""

    def __init__(self, settings: Settings, page: SharedPage, reader: TrafficReader, boot: Boot) -> None:
        self._settings = settings
        self._page = page
        self._reader = reader
        self._boot = boot
        self._sequence = 0
        self._began = {name: page[slot] for name, slot in _REPORTED.items()}
        self.resources: Resources | None = None
        self.engine: Engine | None = None
        self.gpus: GPUs | None = None
        self.gpu_energy_millijoules = 0
        self.probing: Probing | None = None
        self.generation = 0
        self.trusted_keys: tuple[str, ...] = ()
        self.sealing_key = b""
        """Public: to which the operator seals what only this sidecar may read."""
        self.stopped_because = ""
        """Why this sidecar idles; empty while it works."""

    def make(self, now: float, now_ns: int, watermark_ns: int) -> Report:
        """The report of this moment, in Unix seconds, CLOCK_MONOTONIC, and the intake's watermark."""
        self._sequence += 1
        identity = Identity(
            pod_uid=self._settings.pod_uid,
            pod_name=self._settings.pod_name,
            boot_id=self._boot.boot_id,
            started_at=self._boot.started_at,
            sequence=self._sequence,
            sidecar_version=self._boot.sidecar_version,
            configuration_generation=self.generation,
            trusted_keys=self.trusted_keys,
            container=self._settings.container,
            can_hand_over=self._settings.can_hand_over,
            follows_links=True,
        )
        counts = self._reader.totals.interception
        path = self._path_since_boot()
        path["shed_connections"] += counts.shed_connections
        return Report(
            identity=identity,
            at=now,
            uptime_seconds=(now_ns - self._boot.started_ns) * 1e-9,
            totals=msgspec.structs.replace(
                self._reader.totals,
                interception=msgspec.structs.replace(counts, **path),
                gpu_energy_millijoules=self.gpu_energy_millijoules,
            ),
            live=self._reader.live(watermark_ns),
            interception=self._interception(now_ns),
            resources=self.resources,
            engine=self.engine,
            gpus=self.gpus,
            system_fingerprint=self._reader.system_fingerprint,
            clients=self._reader.clients.report(watermark_ns, self.sealing_key),
            interactions=self._reader.interactions(now_ns),
            vocabulary_key=self._reader.features.vocabulary_key,
            probing=self.probing,
            review=self._reader.review.state(watermark_ns * 1e-9),
        )

    def _path_since_boot(self) -> dict[str, int]:
        path = {}
        for name, slot in _COUNTS.items():
            self._page[_REPORTED[name]] = now = self._page[slot]
            path[name] = now - self._began[name]
        return path

    def _interception(self, now_ns: int) -> InterceptionState:
        page, mode = self._page, self._settings.mode
        relay_alive = mode is not Mode.OFF and now_ns - page[Slot.HEARTBEAT_NS] < RELAY_HEARTBEAT_LIMIT_NS
        added_us = max(page[Slot.LOOP_LAG_P99_US], page[Slot.RUN_QUEUE_DELAY_P99_US])
        reason = name_of(page[Slot.STEP_ASIDE_REASON])
        return InterceptionState(
            mode=str(mode),
            reading=bool(page[Slot.ARMED]),
            reason=reason,
            message=self.stopped_because,
            model_listening=bool(page[Slot.MODEL_LISTENING]),
            relay_alive=relay_alive,
            read_connections=page[Slot.READ_CONNECTIONS],
            bypassing_connections=page[Slot.BYPASSING_CONNECTIONS],
            added_latency_p99_seconds=added_us * 1e-6 if relay_alive else None,
            cannot_drain=_cannot_drain(page[Slot.DRAIN_ERROR]) if page[Slot.DRAIN_IDLE_MS] else "",
        )


def _cannot_drain(number: int) -> str:
    if number == errno.EOPNOTSUPP:
        return "the node's kernel is built without CONFIG_INET_DIAG_DESTROY"
    return f"the kernel refuses it: {os.strerror(number)}" if number else ""
