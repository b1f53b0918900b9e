"""Reads a monitor file: the same YAML that a cluster takes, with every error at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from llmmonitor_api.spec import InvalidMonitor, LLMMonitor, load_monitor

_BYTES_LIMIT = 1024 * 1024


class UnusableManifest(ValueError):
    """A file that holds no valid LLMMonitor; the message names the file, what is wrong and the way out."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A monitor as written, and as understood."""

    written: Mapping[str, Any]
    monitor: LLMMonitor


def read(path: Path) -> Manifest:
    """The monitor in a file.

    Raises:
        UnusableManifest: if it cannot be read, is no YAML, holds not exactly one document, or is invalid.
    """
    try:
        if path.stat().st_size > _BYTES_LIMIT:
            raise UnusableManifest(f"{path}: larger than {_BYTES_LIMIT} bytes; an LLMMonitor is a few KB")
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableManifest(f"{path}: {error}") from error


def parse(text: str, name: str) -> Manifest:
    """The monitor in `text`; `name` is what messages call it.

    Raises:
        UnusableManifest: as `read`.
    """
    try:
        documents = [
            document for document in YAML(typ="safe", pure=True).load_all(text) if document is not None
        ]
    except (YAMLError, ValueError) as error:
        raise UnusableManifest(f"{name}: not YAML: {error}") from error
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise UnusableManifest(f"{name}: holds {len(documents)} documents; one LLMMonitor object is needed")
    try:
        written = documents[0]
        if isinstance(written.get("metadata"), dict):  # the API server would count from 1
            written = {**written, "metadata": {"generation": 1, **written["metadata"]}}
        return Manifest(written, load_monitor(written))
    except InvalidMonitor as error:
        raise UnusableManifest(f"{name}:\n" + "\n".join(f"  {line}" for line in error.errors)) from error
