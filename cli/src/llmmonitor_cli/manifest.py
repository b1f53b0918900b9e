"""Reads a monitor file: the same YAML that a cluster takes, with every error at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from llmmonitor_api.spec import InvalidMonitor, LLMMonitor, load_monitor

_BYTES_LIMIT = 1024 * 1024
_VALUES_LIMIT = 50_000
"""After aliases: a few hundred bytes of them can stand for billions of values."""
_DEPTH_LIMIT = 64


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
        with path.open("rb") as file:
            content = file.read(_BYTES_LIMIT + 1)
        if len(content) > _BYTES_LIMIT:
            raise UnusableManifest(f"{path}: larger than {_BYTES_LIMIT} bytes; an LLMMonitor is a few KB")
        return parse(content.decode(), str(path))
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
    except RecursionError:
        raise UnusableManifest(f"{name}: nested too deeply") from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise UnusableManifest(f"{name}: holds {len(documents)} documents; one LLMMonitor object is needed")
    try:
        written = _plain(documents[0], name, count(1), 0)
        if isinstance(written.get("metadata"), dict):  # the API server would count from 1
            written = {**written, "metadata": {"generation": 1, **written["metadata"]}}
        return Manifest(written, load_monitor(written))
    except InvalidMonitor as error:
        raise UnusableManifest(f"{name}:\n" + "\n".join(f"  {line}" for line in error.errors)) from error


def _plain(value: Any, name: str, values: Iterator[int], depth: int) -> Any:
    """`value` as JSON has it, each alias a copy of its own; `values` counts them."""
    if next(values) > _VALUES_LIMIT or depth > _DEPTH_LIMIT:
        raise UnusableManifest(
            f"{name}: more than {_VALUES_LIMIT} values or {_DEPTH_LIMIT} levels once its aliases are followed"
        )
    if isinstance(value, dict):
        return {key: _plain(one, name, values, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, name, values, depth + 1) for one in value]
    if isinstance(value, date):  # a time that YAML knows, and JSON writes as text
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise UnusableManifest(f"{name}: {value} is no number that JSON has")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise UnusableManifest(
        f"{name}: holds a {type(value).__name__}, which JSON does not have; leave its tag out"
    )
