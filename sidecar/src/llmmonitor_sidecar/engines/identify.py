"""Finds out who answers on the model's port, and where that engine has its figures.

By its metrics, by what it calls itself in `/v1/models`, and only then by paths that one engine alone has. An
engine that nobody listens for is not knocked at further.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from llmmonitor_sidecar.engines import detect, samples
from llmmonitor_sidecar.engines.figures import EngineKind
from llmmonitor_sidecar.engines.http import Unanswered, get
from llmmonitor_sidecar.engines.table import ENGINES, OPENAI_COMPATIBLE, UNKNOWN

ANYONES = "/metrics"
"""Where metrics are looked for as long as the engine is not known."""
_JSON_BYTES_LIMIT = 1024 * 1024
_OK = 200


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers, as far as it was found out."""

    kind: EngineKind = UNKNOWN
    detected_by: str = ""
    version: str | None = None
    models: tuple[str, ...] = ()
    weights: str = ""
    context_tokens: int | None = None
    source: str = ANYONES
    """One of the kind's `sources`."""

    @property
    def is_recognised(self) -> bool:
        """Whether anything is known of it."""
        return self.kind is not UNKNOWN

    @property
    def is_named(self) -> bool:
        """Whether it is known which engine it is."""
        return self.kind in ENGINES


class Asker:
    """GET on one model server; `metrics_url` replaces every place of metrics."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, metrics_url: str = "") -> None:
        self._session = session
        self._base_url = base_url
        self._metrics_url = metrics_url

    @property
    def has_own_place(self) -> bool:
        """Whether whoever configured this knows where the metrics are."""
        return bool(self._metrics_url)

    def url(self, source: str) -> str:
        """Of a path, or of `:PORT/path` on the same host."""
        if self._metrics_url:
            return self._metrics_url
        if not source.startswith(":"):
            return self._base_url + source
        parts = urlsplit(self._base_url)
        host = parts.netloc.removesuffix(f":{parts.port}") if parts.port else parts.netloc
        return f"{parts.scheme}://{host}{source}"

    async def figures_at(self, source: str) -> bytes:
        """What is there.

        Raises:
            Unanswered: nothing is, or no answer came in time.
        """
        url = self.url(source)
        reply = await get(self._session, url, samples.BYTES_LIMIT)
        if reply.status != _OK:
            raise Unanswered(f"GET {url}: status {reply.status}; are the engine's metrics enabled?")
        return reply.body

    async def json(self, path: str) -> tuple[bytes | None, bool]:
        """The body at a path of the model's port, and whether anybody answered at all."""
        try:
            reply = await get(self._session, self._base_url + path, _JSON_BYTES_LIMIT)
        except Unanswered:
            return None, False  # an engine without this path is no error; one that is gone is said elsewhere
        return (reply.body if reply.status == _OK else None), True


async def identify(
    asker: Asker, source: str, body: bytes, *, knock: bool = True
) -> tuple[Identity, bytes | None]:
    """Who answers; and, if its figures are elsewhere than at `source`, what is there.

    Args:
        asker: asks.
        source: where `body` is from.
        body: what was there; empty if nothing was.
        knock: whether to ask for paths that one engine alone has, if nothing else tells.
    """
    kind = detect.by_metrics(body.decode(errors="replace")) if body else None
    detected_by = asker.url(source)
    answer, answered = await asker.json("/v1/models")
    models = None if answer is None else detect.served_models(answer)
    if kind is None and models is not None:
        kind, detected_by = detect.by_owner(models.owned_by), "/v1/models"
    if kind is None and knock and (answered or body):
        kind, detected_by = await _by_knocking(asker)
    if kind is None:
        kind, detected_by = (UNKNOWN, detected_by) if models is None else (OPENAI_COMPATIBLE, "/v1/models")
    place, elsewhere = await _place(asker, kind, source, body)
    version, context_tokens = await _version(asker, kind)
    return Identity(
        kind=kind,
        detected_by=detected_by,
        version=version,
        models=models.names if models else (),
        weights=models.weights if models else "",
        context_tokens=(models.context_tokens if models else None) or context_tokens,
        source=place,
    ), elsewhere


async def _by_knocking(asker: Asker) -> tuple[EngineKind | None, str]:
    for engine in ENGINES:
        told = engine.told_by
        if told is None:
            continue
        answer, _ = await asker.json(told.path)
        if answer is not None and detect.tells(answer, told):
            return engine, told.path
    return None, ""


async def _place(asker: Asker, kind: EngineKind, source: str, body: bytes) -> tuple[str, bytes | None]:
    """The first of the kind's places that has its figures; where none has, the first of them."""
    if asker.has_own_place or not kind.has_figures:
        return source, None
    for place in kind.sources:
        if place == source:
            found: bytes = body
        else:
            try:
                found = await asker.figures_at(place)
            except Unanswered:
                continue
        if detect.has_figures_of(kind, found):
            return place, None if place == source else found
    return kind.sources[0], None


async def _version(asker: Asker, kind: EngineKind) -> tuple[str | None, int | None]:
    """And the context, where the same answer has it."""
    answer, _ = await asker.json(kind.version_path) if kind.version_path else (None, False)
    if answer is None:
        return None, None
    return detect.text_field(answer, kind.version_field), detect.context_of_properties(answer)
