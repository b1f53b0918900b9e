"""A sidecar's endpoints on a real socket, with reports that a test makes, and a session on them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from llmmonitor_api.report.report import Identity, InterceptionState, Live, Report
from llmmonitor_api.report.totals import Totals
from llmmonitor_api.signing import (
    ConfigurationVerifier,
    RequestVerifier,
    SignedConfiguration,
    generate_private_key,
    public_keys_by_id,
    sign_request,
)
from llmmonitor_sidecar.endpoints.api import Sources
from llmmonitor_sidecar.endpoints.app import make_app
from llmmonitor_sidecar.endpoints.feedback import FeedbackDesk
from llmmonitor_sidecar.endpoints.repeating import Repeating
from llmmonitor_sidecar.endpoints.server import serving
from llmmonitor_sidecar.signals.live_outcomes import LiveOutcomeCounter

KEY = generate_private_key()
STRANGER = generate_private_key()
POD = "pod-1"
START = 1_800_000_000.0


@dataclass
class Sidecar:
    """What an analyser would give and take."""

    now: float = START
    mode: str = "listen"
    reports: int = 0
    pulls: int = 0
    begun: int = 7
    report_takes: float = 0.0
    broken: Exception | None = None
    refuses: Exception | None = None
    applied: list[SignedConfiguration] = field(default_factory=list)

    def report(self) -> Report:
        if self.broken:
            raise self.broken
        self.reports += 1
        self.now += self.report_takes
        return Report(
            identity=Identity(POD, "pod", "boot", START, self.reports, "0.1.0", 0),
            at=self.now,
            uptime_seconds=self.now - START,
            totals=Totals(begun=self.begun),
            live=Live(),
            interception=InterceptionState(mode=self.mode, reading=True, relay_alive=True),
        )

    def was_pulled(self) -> None:
        self.pulls += 1

    def apply(self, signed: SignedConfiguration) -> None:
        if self.refuses:
            raise self.refuses
        self.applied.append(signed)


@dataclass
class Client:
    """A session on one sidecar."""

    session: aiohttp.ClientSession
    port: int
    sidecar: Sidecar

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def get(self, path: str, **headers: str) -> tuple[int, bytes, aiohttp.ClientResponse]:
        async with self.session.get(self.url(path), headers=headers) as response:
            return response.status, await response.read(), response

    async def put(self, document: str | bytes) -> tuple[int, dict[str, object]]:
        async with self.session.put(self.url("/v1/config"), data=document) as response:
            return response.status, await response.json()

    def signed(self, path: str, key: object = KEY, method: str = "GET") -> dict[str, str]:
        return {"Authorization": sign_request(method, path, key, POD, self.sidecar.now)}  # type: ignore[arg-type]  # parametrised keys


@asynccontextmanager
async def serve(
    token: str = "",
    request_seconds: float = 10.0,
    connections_limit: int = 64,
    repeating: Repeating | None = None,
) -> AsyncIterator[Client]:
    sidecar = Sidecar()
    keys = public_keys_by_id([KEY.public_key()])
    sources = Sources(
        current_report=sidecar.report,
        reported=sidecar.was_pulled,
        apply=sidecar.apply,
        requests=RequestVerifier(keys, POD),
        configurations=ConfigurationVerifier(keys, POD, START),
        metrics_token=token,
        feedback=FeedbackDesk(LiveOutcomeCounter(Totals())),
        clock=lambda: sidecar.now,
        monotonic=lambda: sidecar.now,
    )
    async with aiohttp.ClientSession() as session:
        app = make_app(sources, request_seconds, repeating)
        async with serving(app, "127.0.0.1", 0, connections_limit=connections_limit) as port:
            yield Client(session, port, sidecar)
