"""The four answers, without a framework: what is asked goes in as text, an `Answer` comes out.

`/metrics` and `/healthz` are open and anyone may ask as often as they like: both read a report made at
most once a second. `/v1/report` and `/v1/config` take only what the operator signed; refusals are counted by
reason and shown in `/metrics`.
"""

from __future__ import annotations

import hmac
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from llmmonitor_api.report.report import Report, encode
from llmmonitor_api.signing.document import ConfigurationVerifier, SignedConfiguration
from llmmonitor_api.signing.refusal import Refused, RefusedReason
from llmmonitor_api.signing.request import RequestVerifier
from llmmonitor_sidecar.endpoints.answer import Answer, as_json, refusal
from llmmonitor_sidecar.endpoints.health import health
from llmmonitor_sidecar.endpoints.metrics.exposition import exposition

OPEN_REPORT_SECONDS = 1.0
"""How old a report may be that unsigned requests get."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where answers come from and configurations go to."""

    current_report: Callable[[], Report]
    apply: Callable[[SignedConfiguration], None]
    """Puts a verified configuration in force; called in the event loop, so it must be quick."""
    requests: RequestVerifier
    configurations: ConfigurationVerifier
    metrics_token: str = ""
    """What `/metrics` asks for as a bearer token; empty: it is open."""
    clock: Callable[[], float] = time.time
    """Unix seconds, for signatures."""
    monotonic: Callable[[], float] = time.monotonic


class Api:
    """What the sidecar of one pod answers."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._refusals: Counter[tuple[str, str]] = Counter()
        self._open_report: tuple[float, Report] | None = None

    def metrics(self, accept: str, authorization: str) -> Answer:
        """The exposition in the format that `accept` asks for."""
        token = self._sources.metrics_token
        if token and not hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            self._refusals["metrics", RefusedReason.MISSING] += 1
            return refusal(Refused(RefusedReason.MISSING, "the token of metrics.token is needed"))
        body, content_type = exposition(self._recent_report(), self._refusals, accept)
        return Answer(200, body, content_type)

    def report(self, method: str, path: str, authorization: str) -> Answer:
        """The report of this moment, to whoever signed the request."""
        try:
            self._sources.requests.verify(authorization, method, path, self._sources.clock())
        except Refused as refused:
            return self._refuse("report", refused)
        return Answer(200, encode(self._sources.current_report()))

    def configure(self, document: bytes) -> Answer:
        """Put a signed configuration in force, or say why not."""
        try:
            signed = self._sources.configurations.verify(document.strip(), self._sources.clock())
        except Refused as refused:
            return self._refuse("config", refused)
        self._sources.apply(signed)
        self._sources.configurations.taken(signed)
        return as_json({"generation": signed.configuration.generation, "expiresAt": signed.expires_at})

    def health(self) -> Answer:
        """Whether the sidecar itself works: what is wrong with the model is no failure of it."""
        return as_json(health(self._recent_report()))

    def _refuse(self, endpoint: str, refused: Refused) -> Answer:
        self._refusals[endpoint, refused.reason] += 1
        return refusal(refused)

    def _recent_report(self) -> Report:
        now = self._sources.monotonic()
        if self._open_report is None or now - self._open_report[0] >= OPEN_REPORT_SECONDS:
            self._open_report = now, self._sources.current_report()
        return self._open_report[1]
