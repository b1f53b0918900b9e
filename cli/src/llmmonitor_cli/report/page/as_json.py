"""The document as JSON: `schemaVersion` first, numbers as numbers, nothing rounded that was not before."""

from __future__ import annotations

import msgspec

from llmmonitor_cli.report.document import Document


def as_json(document: Document) -> str:
    """Two spaces of indentation, a line at the end."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
