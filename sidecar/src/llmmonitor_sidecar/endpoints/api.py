"""The answers, without a framework: what is asked goes in as text, an `Answer` comes out.

`/metrics` and `/healthz` are open and anyone may ask as often as they like: they are answered anew at most
once a second, and so rarely that it takes at most a twentieth of our CPU time. `/v1/report` and `/v1/config`
take only what the operator signed; refusals are counted by reason and shown in `/metrics`.
"""

from __future__ import annotations

import hmac
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from llmmonitor_api.report.report import Report, encode
from llmmonitor_api.report.told import Told
from llmmonitor_api.signing.document import ConfigurationVerifier, SignedConfiguration
from llmmonitor_api.signing.refusal import Refused, RefusedReason
from llmmonitor_api.signing.request import RequestVerifier
from llmmonitor_sidecar.endpoints.answer import Answer, as_json, error, refusal
from llmmonitor_sidecar.endpoints.feedback import FeedbackDesk
from llmmonitor_sidecar.endpoints.health import health
from llmmonitor_sidecar.endpoints.metrics.exposition import content_type, exposition
from llmmonitor_sidecar.endpoints.people import People

FRESH_SECONDS = 1.0
"""How long an answer to an unsigned request is given again, at least."""
FRESH_PER_COST = 20.0
"""And at least so many times what it took to make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where answers come from and configurations go to."""

    current_report: Callable[[], Report]
    apply: Callable[[SignedConfiguration], None]
    """Puts a verified configuration in force; called in the event loop, so it must be quick."""
    reported: Callable[[], None] = lambda: None
    """Called when a signed request has got its report."""
    requests: RequestVerifier
    configurations: ConfigurationVerifier
    feedback: FeedbackDesk
    people: People | None = None
    """None: no case is ever kept."""
    metrics_token: str = ""
    """What `/metrics` asks for as a bearer token; empty: it is open."""
    clock: Callable[[], float] = time.time
    """Unix seconds, for signatures."""
    monotonic: Callable[[], float] = time.monotonic


class Api:
    """What the sidecar of one pod answers."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._told = Told()
        self._refusals: Counter[tuple[str, str]] = Counter()
        self._kept: dict[str, tuple[float, Answer]] = {}
        """Answers to unsigned requests, by format, and until when they hold (monotonic)."""

    def metrics(self, accept: str, authorization: str) -> Answer:
        """The exposition in the format that `accept` asks for."""
        token = self._sources.metrics_token
        if token and not hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            self._refusals["metrics", RefusedReason.MISSING] += 1
            return refusal(Refused(RefusedReason.MISSING, "the token of metrics.token is needed"))
        return self._fresh(content_type(accept), lambda: self._exposition(accept))

    def report(self, method: str, path: str, authorization: str, has: str = "") -> Answer:
        """The report of this moment, to whoever signed the request; `has`: see `report.told`."""
        try:
            self._sources.requests.verify(authorization, method, path, self._sources.clock())
        except Refused as refused:
            return self._refuse("report", refused)
        answer = self.report_again(has)
        self._sources.reported()
        return answer

    def report_again(self, has: str) -> Answer:
        """The report of this moment, to whoever asked by `report` for it again and again, which verified it.

        It may reach nobody, so that it is not the last one that a sidecar which ends waits to be asked for.

        Args: has: see `report.told`.
        """
        return Answer(200, encode(self._told.since(self._sources.current_report(), has)))

    def review(self, method: str, path: str, authorization: str) -> Answer:
        """A redacted case, or its end, or that of a client's, to whoever signed the request."""
        try:
            self._sources.requests.verify(authorization, method, path, self._sources.clock())
        except Refused as refused:
            return self._refuse("review", refused)
        people = self._sources.people
        return (
            people.answer(method, path) if people is not None else error(404, "not_found", "no review here")
        )

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
        return self._fresh("health", lambda: as_json(health(self._sources.current_report())))

    def _refuse(self, endpoint: str, refused: Refused) -> Answer:
        self._refusals[endpoint, refused.reason] += 1
        return refusal(refused)

    def _exposition(self, accept: str) -> Answer:
        refusals = self._refusals + Counter(
            {("feedback", reason): n for reason, n in self._sources.feedback.refusals.items()}
        )
        body, chosen = exposition(self._sources.current_report(), refusals, accept)
        return Answer(200, body, chosen)

    def _fresh(self, name: str, make: Callable[[], Answer]) -> Answer:
        began = self._sources.monotonic()
        until, answer = self._kept.get(name, (began, None))
        if answer is None or began >= until:
            answer = make()
            ended = self._sources.monotonic()
            self._kept[name] = ended + max(FRESH_SECONDS, FRESH_PER_COST * (ended - began)), answer
        return answer
