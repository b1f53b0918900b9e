"""Asks the engine for its figures, at most once per interval, and remembers the last good ones.

A model that is down, slow or without `/metrics` is an ordinary outcome: it is said in `Engine.error`, asked
less and less often (up to a minute apart), and after it comes back it is looked at anew, because another
version may have come back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import aiohttp

from llmmonitor_api.report.report import Engine
from llmmonitor_sidecar.engines import detect, samples
from llmmonitor_sidecar.engines.figures import EngineKind, Figures
from llmmonitor_sidecar.engines.http import Unanswered, get
from llmmonitor_sidecar.engines.table import OPENAI_COMPATIBLE, UNKNOWN

LONGEST_PAUSE_SECONDS = 60.0
LOOKED_AT_ANEW_SECONDS = 300.0
"""How often the served models are asked for: adapters may be loaded at run time."""
_JSON_BYTES_LIMIT = 1024 * 1024
_OK = 200


@dataclass(frozen=True, slots=True)
class _Identity:
    """Who answers, as far as it was found out."""

    kind: EngineKind = UNKNOWN
    detected_by: str = ""
    version: str | None = None
    models: tuple[str, ...] = ()


class EngineScraper:
    """The engine of one model server.

    `base_url` is the model's own port; `metrics_url` only where its metrics are elsewhere. `session` is one
    of `http.model_session`.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        metrics_url: str = "",
        interval_seconds: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._metrics_url = metrics_url or f"{self._base_url}/metrics"
        self._interval_seconds = interval_seconds
        self._monotonic = monotonic
        self._identity = _Identity()
        self._look_again_at: float | None = None
        self._figures = Figures()
        self._scraped_at: float | None = None
        self._error = ""
        self._failures = 0
        self._due_at: float | None = None

    @property
    def served_models(self) -> tuple[str, ...]:
        """The names in `/v1/models`; empty while unknown."""
        return self._identity.models

    async def scrape(self) -> Engine:
        """The engine now: asked if it is time, else as it was said last."""
        now = self._monotonic()
        if self._due_at is None or now >= self._due_at:
            await self._ask(now)
        return self._engine(self._monotonic())

    async def _ask(self, now: float) -> None:
        try:
            await self._update(now)
        except (Unanswered, samples.UnreadableExposition) as problem:
            self._error = str(problem)
            self._failures += 1
            self._look_again_at = None
        else:
            self._error = ""
            self._failures = 0
        pause = min(self._interval_seconds * 2.0 ** min(self._failures, 16), LONGEST_PAUSE_SECONDS)
        self._due_at = now + max(pause, self._interval_seconds)

    async def _update(self, now: float) -> None:
        problem: Unanswered | None = None
        exposition = ""
        try:
            exposition = await self._exposition()
        except Unanswered as unanswered:
            problem = unanswered
        if self._look_again_at is None or now >= self._look_again_at:
            found = await self._look(exposition)
            if found.kind is not UNKNOWN:  # while it is down, it is still what it was
                self._identity = found
            self._look_again_at = now + LOOKED_AT_ANEW_SECONDS
        if problem is not None:
            raise problem
        kind = self._identity.kind
        if kind.read is not None:
            self._figures = kind.read(samples.read(exposition, kind.metrics))
        self._scraped_at = now

    async def _exposition(self) -> str:
        reply = await get(self._session, self._metrics_url, samples.BYTES_LIMIT)
        if reply.status != _OK:
            raise Unanswered(
                f"GET {self._metrics_url}: status {reply.status}; are the engine's metrics enabled?"
            )
        return reply.body.decode(errors="replace")

    async def _look(self, exposition: str) -> _Identity:
        kind, detected_by = detect.by_metrics(exposition), self._metrics_url
        models = await self._models()
        if kind is None and models is not None:
            kind, detected_by = detect.by_owner(models.owned_by), "/v1/models"
        if kind is None:
            kind = UNKNOWN if models is None else OPENAI_COMPATIBLE
        return _Identity(
            kind=kind,
            detected_by=detected_by,
            version=await self._version(kind),
            models=models.names if models else (),
        )

    async def _models(self) -> detect.ServedModels | None:
        body = await self._json("/v1/models")
        return None if body is None else detect.served_models(body)

    async def _version(self, kind: EngineKind) -> str | None:
        body = await self._json(kind.version_path) if kind.version_path else None
        return None if body is None else detect.text_field(body, kind.version_field)

    async def _json(self, path: str) -> bytes | None:
        try:
            reply = await get(self._session, self._base_url + path, _JSON_BYTES_LIMIT)
        except Unanswered:
            return None  # an engine without this path is no error; one that is gone is said by the scrape
        return reply.body if reply.status == _OK else None

    def _engine(self, now: float) -> Engine:
        kind = self._identity.kind
        unread = (
            "" if kind.read or not kind.prefixes else f"metrics of {kind.name} are recognised, not read yet"
        )
        return Engine(
            name=kind.name,
            version=self._identity.version,
            model=self._identity.models[0] if self._identity.models else None,
            detected_by=self._identity.detected_by,
            scraped_age_seconds=None if self._scraped_at is None else now - self._scraped_at,
            error=self._error or unread,
            **asdict(self._figures),
        )
