"""A sidecar's endpoints as they are, with reports that the test makes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.report import Identity, InterceptionState, Live, Report
from llmmonitor_api.report.totals import Totals
from llmmonitor_api.signing import (
    ConfigurationVerifier,
    RequestVerifier,
    SignedConfiguration,
    public_keys_by_id,
)
from llmmonitor_sidecar.endpoints.api import Sources
from llmmonitor_sidecar.endpoints.app import make_app
from llmmonitor_sidecar.endpoints.server import serving


@dataclass
class SidecarDouble:
    """One pod's sidecar."""

    pod_uid: str
    port: int = 0
    configuration: Configuration = field(default_factory=Configuration)
    sequence: int = 0
    started_at: float = field(default_factory=lambda: time.time() - 60)

    def report(self) -> Report:
        self.sequence += 1
        now = time.time()
        return Report(
            identity=Identity(
                self.pod_uid,
                "chat-a",
                "boot",
                self.started_at,
                self.sequence,
                "0.1.0",
                self.configuration.generation,
            ),
            at=now,
            uptime_seconds=now - self.started_at,
            totals=Totals(),
            live=Live(),
            interception=InterceptionState(
                mode="transparent",
                reading=not self.configuration.stop,
                reason="Stopped" if self.configuration.stop else "",
                relay_alive=True,
            ),
        )

    def apply(self, signed: SignedConfiguration) -> None:
        self.configuration = signed.configuration


@asynccontextmanager
async def running(pod_uid: str, *keys: Ed25519PublicKey) -> AsyncIterator[SidecarDouble]:
    """It answers on a loopback port as long as the context lasts."""
    double = SidecarDouble(pod_uid)
    known = public_keys_by_id(keys)
    sources = Sources(
        current_report=double.report,
        apply=double.apply,
        requests=RequestVerifier(known, pod_uid),
        configurations=ConfigurationVerifier(known, pod_uid, time.time() - 60),
    )
    async with serving(make_app(sources), "127.0.0.1", 0) as port:
        double.port = port
        yield double
