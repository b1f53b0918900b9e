"""Who answers: told from what it says, never from where it runs."""

from __future__ import annotations

import msgspec

from llmmonitor_sidecar.engines.figures import EngineKind
from llmmonitor_sidecar.engines.samples import names_in
from llmmonitor_sidecar.engines.table import ENGINES

SERVED_LIMIT = 64
"""Models of `/v1/models` that are kept."""


class _Model(msgspec.Struct):
    id: str
    owned_by: str = ""


class _Models(msgspec.Struct):
    data: list[_Model]


class ServedModels(msgspec.Struct, frozen=True):
    """What `/v1/models` says."""

    names: tuple[str, ...]
    owned_by: str


def by_metrics(exposition: str) -> EngineKind | None:
    """The engine whose metrics these are."""
    for name in names_in(exposition):
        for engine in ENGINES:
            if name.startswith(engine.prefixes):
                return engine
    return None


def by_owner(owned_by: str) -> EngineKind | None:
    """The engine that calls itself so in `/v1/models`."""
    return next((engine for engine in ENGINES if owned_by and engine.owned_by == owned_by), None)


def served_models(body: bytes) -> ServedModels | None:
    """What `/v1/models` answered, or None if that is not the OpenAI API's list."""
    try:
        models = msgspec.json.decode(body, type=_Models).data[:SERVED_LIMIT]
    except (msgspec.MsgspecError, RecursionError):
        return None
    return ServedModels(tuple(model.id for model in models), models[0].owned_by if models else "")


def text_field(body: bytes, name: str) -> str | None:
    """The text in field `name` of a JSON object, or None."""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return None
    value = content.get(name) if isinstance(content, dict) else None
    return value if isinstance(value, str) else None
