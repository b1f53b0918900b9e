"""What can be said of a change that was made at the API server: which fields, and by what kind of client.

Who it was the object does not say: the API server keeps the user's name for its own audit log. What it keeps
here is the name that the client gives itself (`metadata.managedFields`), and that is what is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from llmmonitor_operator.audit.record import Entry, What
from llmmonitor_operator.kube.raw import Raw

_DIGITS = 12
_UNKNOWN = "not told to the operator: the API server's audit log has the user"


def spec_changed(raw: Raw, before: Mapping[str, str]) -> Entry:
    """The generation of now.

    Args:
        raw: the monitor, as the API server gave it.
        before: `Entry.fields` of the last such record that is known; empty when none is.
    """
    fields = _digests(raw.get("spec") or {})
    changed = sorted(name for name in {*fields, *before} if fields.get(name) != before.get(name))
    why = f"changed: {', '.join(f'spec.{name}' for name in changed)}" if before and changed else ""
    return Entry(
        who=written_by(raw, ("f:spec",)),
        what=What.SPEC_CHANGED,
        about=f"generation {raw['metadata']['generation']}",
        why=why or ("nothing that has a digest here" if before else "the first that is recorded"),
        count=len(changed),
        fields=fields,
    )


def accepted(raw: Raw, annotation: str, word: str) -> Entry:
    """The owner's word that what is now is normal."""
    return Entry(
        who=written_by(raw, ("f:metadata", "f:annotations", f"f:{annotation}")),
        what=What.ACCEPTED,
        about="drift",
        why=f"said at {word}",
    )


def written_by(raw: Raw, field: Iterable[str]) -> str:
    """The client that wrote this field last, in words that don't call it a person."""
    path = tuple(field)
    writers = [
        (str(one.get("time", "")), str(one.get("manager", "")))
        for one in raw["metadata"].get("managedFields") or []
        if not one.get("subresource") and _has(one.get("fieldsV1"), path)
    ]
    if not writers:
        return _UNKNOWN
    return f"{_UNKNOWN}; written with {max(writers)[1]}"


def _has(fields: Any, path: tuple[str, ...]) -> bool:
    for step in path:
        if not isinstance(fields, dict) or step not in fields:
            return False
        fields = fields[step]
    return True


def _digests(spec: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()[:_DIGITS]
        for name, value in sorted(spec.items())
    }
