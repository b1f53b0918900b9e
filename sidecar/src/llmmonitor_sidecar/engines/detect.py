"""Who answers: told from what it says, never from where it runs."""

from __future__ import annotations

from typing import Any

import msgspec

from llmmonitor_api.report.values import NAME_LIMIT
from llmmonitor_sidecar.engines.figures import EngineKind, Told
from llmmonitor_sidecar.engines.table import ENGINES

SERVED_LIMIT = 64
"""Models of `/v1/models` that are kept."""
_TOKENS_LIMIT = 1_000_000_000
_WEIGHTS_LIMIT = 256
"""Characters."""


class _Meta(msgspec.Struct):
    """What llama.cpp says of the file that it has loaded."""

    n_params: int | None = None
    n_vocab: int | None = None
    size: int | None = None
    ftype: str | None = None
    n_ctx: Any = None
    """Of one slot, in builds that say it."""


class _Model(msgspec.Struct):
    id: str
    owned_by: str | None = None
    root: str | None = None
    """Where vLLM and SGLang have it from: a repository or a path."""
    max_model_len: Any = None
    """What vLLM and SGLang take at most, prompt and answer together."""
    meta: _Meta | None = None


class _Models(msgspec.Struct):
    data: list[_Model]


class _Generation(msgspec.Struct):
    n_ctx: Any = None


class _Properties(msgspec.Struct):
    default_generation_settings: _Generation


class ServedModels(msgspec.Struct, frozen=True):
    """What `/v1/models` says."""

    names: tuple[str, ...]
    owned_by: str
    weights: str = ""
    """What tells the first one's weights from others under the same name; empty where nothing does."""
    context_tokens: int | None = None
    """Of the first one."""


def by_metrics(exposition: str) -> EngineKind | None:
    """The engine whose metrics these are; of several the first in the table, which passes on the others'."""
    return next((engine for engine in ENGINES if _has_lines_of(engine, exposition)), None)


def has_figures_of(kind: EngineKind, body: bytes) -> bool:
    """Whether this is what `kind` answers with its figures."""
    if kind.read_json is not None and kind.read_json(body) is not None:
        return True
    return _has_lines_of(kind, body.decode(errors="replace"))


def _has_lines_of(kind: EngineKind, exposition: str) -> bool:
    """Searched as a whole: of megabytes, a look at each line would hold up whatever else the loop does."""
    return any(exposition.startswith(prefix) or f"\n{prefix}" in exposition for prefix in kind.prefixes)


def tells(body: bytes, told: Told) -> bool:
    """Whether this JSON tells the engine that `told` speaks of."""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return False
    if not isinstance(content, dict) or told.field not in content:
        return False
    return not told.value or content[told.field] == told.value


def by_owner(owned_by: str) -> EngineKind | None:
    """The engine that calls itself so in `/v1/models`."""
    return next((engine for engine in ENGINES if owned_by and engine.owned_by == owned_by), None)


def served_models(body: bytes) -> ServedModels | None:
    """What `/v1/models` answered, or None if that is not the OpenAI API's list."""
    try:
        models = msgspec.json.decode(body, type=_Models).data[:SERVED_LIMIT]
    except (msgspec.MsgspecError, RecursionError):
        return None
    if not models:
        return ServedModels((), "")
    names = tuple(model.id for model in models if len(model.id) <= NAME_LIMIT)
    first = models[0]
    context = _tokens(first.max_model_len) or _tokens((first.meta or _Meta()).n_ctx)
    return ServedModels(names, first.owned_by or "", _weights(first), context)


def _weights(model: _Model) -> str:
    meta = model.meta or _Meta()
    said = (
        ("from", model.root if model.root != model.id else None),
        ("type", meta.ftype),
        ("parameters", meta.n_params),
        ("vocabulary", meta.n_vocab),
        ("bytes", meta.size),
    )
    return ", ".join(f"{name} {value}" for name, value in said if value is not None)[:_WEIGHTS_LIMIT]


def context_of_properties(body: bytes) -> int | None:
    """What llama.cpp's `/props` says of the context of one slot, or None."""
    try:
        return _tokens(msgspec.json.decode(body, type=_Properties).default_generation_settings.n_ctx)
    except (msgspec.MsgspecError, RecursionError):
        return None


def _tokens(said: object) -> int | None:
    return said if isinstance(said, int) and 0 < said <= _TOKENS_LIMIT else None


def text_field(body: bytes, name: str) -> str | None:
    """The text in field `name` of a JSON object, or None."""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return None
    value = content.get(name) if isinstance(content, dict) else None
    return value if isinstance(value, str) and len(value) <= NAME_LIMIT else None
