"""A sidecar's endpoints as they are, with reports that the test makes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from tests.sidecar.told_by_hand import ToldByHand

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.clients import Clients
from llmmonitor_api.report.probing import Probing
from llmmonitor_api.report.report import Identity, InterceptionState, Live, Report, Resources
from llmmonitor_api.report.totals import Totals
from llmmonitor_api.signing import (
    ConfigurationVerifier,
    RequestVerifier,
    SignedConfiguration,
    public_key_from_bytes,
    public_keys_by_id,
)
from llmmonitor_api.signing.keys import PublicKeys
from llmmonitor_api.signing.sealed import generate_sealing_key
from llmmonitor_sidecar.endpoints.api import Sources
from llmmonitor_sidecar.endpoints.app import make_app
from llmmonitor_sidecar.endpoints.feedback import FeedbackDesk
from llmmonitor_sidecar.endpoints.people import People
from llmmonitor_sidecar.endpoints.server import serving
from llmmonitor_sidecar.review.buffer import ReviewBuffer
from llmmonitor_sidecar.signals.live_outcomes import LiveOutcomeCounter


@dataclass
class SidecarDouble:
    """One pod's sidecar."""

    pod_uid: str
    port: int = 0
    configuration: Configuration = field(default_factory=Configuration)
    sequence: int = 0
    started_at: float = field(default_factory=lambda: time.time() - 60)
    says_whom_it_believes: bool = True
    """Versions before keys could be replaced do not, and believe what they began with."""
    container: str = ""
    can_hand_over: bool = False
    follows_links: bool = True
    boot_id: str = "boot"
    begun: int = 0
    """Requests that it has counted."""
    configurations_taken: int = 0
    resources: Resources | None = None
    clients: Clients | None = None
    sends_probes: bool = True
    review: ReviewBuffer = field(default_factory=ReviewBuffer)
    erased: list[str] = field(default_factory=list)
    """Clients, by address or header."""
    sealing_key: X25519PrivateKey = field(default_factory=generate_sealing_key)
    keys: PublicKeys = field(default_factory=dict)
    repeating: ToldByHand = field(default_factory=ToldByHand)
    requests: RequestVerifier = field(init=False)
    configurations: ConfigurationVerifier = field(init=False)

    def __post_init__(self) -> None:
        self.began_with = self.keys
        self.requests = RequestVerifier(self.keys, self.pod_uid)
        self.configurations = ConfigurationVerifier(self.keys, self.pod_uid, time.time() - 60)

    def believe(self, keys: PublicKeys) -> None:
        self.keys = keys
        self.requests.trust(keys)
        self.configurations.trust(keys)

    def starts_anew(self) -> None:
        """Its container: what it had taken is gone, and its environment counts."""
        self.configuration = Configuration()
        self.believe(self.began_with)

    @property
    def _reason(self) -> str:
        if self.configuration.stop:
            return "Stopped"
        return "HandingOver" if self.configuration.hand_over else ""

    def report(self) -> Report:
        self.sequence += 1
        now = time.time()
        return Report(
            identity=Identity(
                self.pod_uid,
                "chat-a",
                self.boot_id,
                self.started_at,
                self.sequence,
                "0.1.0",
                self.configuration.generation,
                tuple(self.keys) if self.says_whom_it_believes else (),
                self.container,
                self.can_hand_over,
                self.follows_links,
            ),
            at=now,
            uptime_seconds=now - self.started_at,
            totals=Totals(begun=self.begun),
            live=Live(),
            interception=InterceptionState(
                mode="transparent",
                reading=not (self.configuration.stop or self.configuration.hand_over),
                reason=self._reason,
                relay_alive=True,
                model_listening=True,
            ),
            resources=self.resources,
            probing=self._probing() if self.sends_probes else None,
            clients=self.clients,
            review=self.review.state(0.0),
        )

    def erase(self, client: str) -> tuple[int, int]:
        self.erased.append(client)
        return self.review.erase(client), 1

    def _probing(self) -> Probing:
        plan = self.configuration.probes
        if plan is None:
            return Probing()
        return Probing(plan=plan.digest, index=plan.index, of=plan.of, version=plan.version)

    def apply(self, signed: SignedConfiguration) -> None:
        self.configuration = signed.configuration
        self.configurations_taken += 1
        given = signed.configuration.public_keys
        if given and self.says_whom_it_believes:
            self.believe(public_keys_by_id(public_key_from_bytes(key) for key in given))


@asynccontextmanager
async def running(pod_uid: str, *keys: Ed25519PublicKey) -> AsyncIterator[SidecarDouble]:
    """It answers on a loopback port as long as the context lasts."""
    double = SidecarDouble(pod_uid, keys=public_keys_by_id(keys))
    sources = Sources(
        current_report=double.report,
        apply=double.apply,
        requests=double.requests,
        configurations=double.configurations,
        feedback=FeedbackDesk(LiveOutcomeCounter(Totals())),
        people=People(double.review, double.erase, double.sealing_key, pod_uid),
    )
    app = make_app(sources, repeating=double.repeating)
    async with serving(app, "127.0.0.1", 0) as port:
        double.port = port
        yield double
