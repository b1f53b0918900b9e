"""Asks the engine for its figures, at most once per interval, and remembers the last good ones.

A model that is down, slow or without metrics is an ordinary outcome: it is said in `Engine.error`, asked
less and less often (up to a minute apart), and after it comes back it is looked at anew (`identify`), because
another version may have come back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import aiohttp

from llmmonitor_api.report.report import Engine
from llmmonitor_sidecar.engines.figures import Figures
from llmmonitor_sidecar.engines.http import Unanswered
from llmmonitor_sidecar.engines.identify import Asker, Identity, identify
from llmmonitor_sidecar.engines.ledger import bounded
from llmmonitor_sidecar.engines.samples import UnreadableExposition

LONGEST_PAUSE_SECONDS = 60.0
_ERROR_LENGTH = 512
LOOKED_AT_ANEW_SECONDS = 300.0
"""How often the served models are asked for: adapters may be loaded at run time. And how often at most paths
are asked for that most servers do not have."""


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
        self._asker = Asker(session, base_url.rstrip("/"), metrics_url)
        self._interval_seconds = interval_seconds
        self._monotonic = monotonic
        self._identity = Identity()
        self._look_again_at: float | None = None
        self._knock_at: float | None = None
        self._figures = Figures()
        self._scraped_at: float | None = None
        self._error = ""
        self._failures = 0
        self._due_at: float | None = None

    @property
    def served_models(self) -> tuple[str, ...]:
        """The names in `/v1/models`; empty while unknown."""
        return self._identity.models

    @property
    def is_due(self) -> bool:
        """Whether the next `scrape` asks the engine."""
        return self._due_at is None or self._monotonic() >= self._due_at

    @property
    def figures(self) -> Figures | None:
        """Of the last question; None if it brought none."""
        return None if self._error or self._scraped_at is None else self._figures

    async def scrape(self) -> Engine:
        """The engine now: asked if it is time, else as it was said last."""
        if self.is_due:
            await self._ask(self._monotonic())
        return self._engine(self._monotonic())

    async def _ask(self, now: float) -> None:
        try:
            await self._update(now)
        except (Unanswered, UnreadableExposition) as problem:
            self._error = str(problem)[:_ERROR_LENGTH]
            self._failures += 1
            self._look_again_at = None
        else:
            self._error = ""
            self._failures = 0
        pause = min(self._interval_seconds * 2.0 ** min(self._failures, 16), LONGEST_PAUSE_SECONDS)
        self._due_at = now + max(pause, self._interval_seconds)

    async def _update(self, now: float) -> None:
        problem: Unanswered | None = None
        body = b""
        source = self._identity.source
        try:
            body = await self._asker.figures_at(source)
        except Unanswered as unanswered:
            problem = unanswered
        if self._look_again_at is None or now >= self._look_again_at:
            knock = self._knock_at is None or now >= self._knock_at
            if knock:
                self._knock_at = now + LOOKED_AT_ANEW_SECONDS
            found, elsewhere = await identify(self._asker, source, body, knock=knock)
            # while it is down, it is still what it was; and what was told by knocking is told by nothing else
            if found.is_named or (found.is_recognised and (knock or not self._identity.is_named)):
                self._identity = found
                if elsewhere is not None:
                    body, problem = elsewhere, None
            self._look_again_at = now + LOOKED_AT_ANEW_SECONDS
        if problem is not None:
            raise problem
        if self._identity.kind.has_figures:
            # megabytes of it take a second, which the loop shall not be held up for
            self._figures = await asyncio.to_thread(self._identity.kind.figures, body)
        self._scraped_at = now

    def _engine(self, now: float) -> Engine:
        figures, reasons = self._figures, self._figures.finished_requests
        return Engine(
            name=self._identity.kind.name,
            version=self._identity.version,
            model=self._identity.models[0] if self._identity.models else None,
            weights=self._identity.weights,
            context_tokens=self._identity.context_tokens,
            detected_by=self._identity.detected_by,
            scraped_age_seconds=None if self._scraped_at is None else now - self._scraped_at,
            error=self._error,
            missing=figures.missing,
            running=figures.running,
            waiting=figures.waiting,
            kv_cache_use=figures.kv_cache_use,
            preemptions=figures.preemptions,
            prefix_cache_hit_rate=figures.prefix_cache_hit_rate,
            prompt_tokens=figures.prompt_tokens,
            generation_tokens=figures.generation_tokens,
            finished_requests=None if reasons is None else bounded(reasons),
        )
