"""Ollama: no metrics; what it has loaded (`/api/ps`), and its version.

Requests, tokens and times are on the wire alone.
"""

from __future__ import annotations

import msgspec

from llmmonitor_sidecar.engines.figures import EngineKind, Figures, Told


class _Loaded(msgspec.Struct):
    models: list[msgspec.Raw]


def _read_json(body: bytes) -> Figures | None:
    """Nothing that engines have in common; that it answered is worth knowing."""
    try:
        msgspec.json.decode(body, type=_Loaded)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return Figures()


OLLAMA = EngineKind(
    name="Ollama",
    owned_by="library",
    told_by=Told("/api/version", "version"),
    version_path="/api/version",
    version_field="version",
    sources=("/api/ps",),
    read_json=_read_json,
    facts="docs.ollama.com/api/ps and /api/version, 0.5 to 0.40",
    remarks="Says nothing of its load: only what is seen on the wire is known.",
)
