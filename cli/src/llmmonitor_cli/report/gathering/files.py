"""Reads a monitor and what is kept of it from files: what `kubectl get -o json` prints, or a backup.

A file, or all `*.json`, `*.yaml` and `*.yml` of a folder; each may hold single objects or lists of them, of
several monitors too. Of all objects only LLMMonitors and ConfigMaps are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from llmmonitor_api.spec.monitor import KIND
from llmmonitor_cli.report.gathering.found import NoReport, material_of
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_operator.kube.raw import Raw, mapping
from llmmonitor_operator.reconcile.keep.checkpoints import LABEL, MONITOR

_BYTES_LIMIT = 256 * 1024 * 1024
_ENDINGS = (".json", ".yaml", ".yml")
_SHOWN = 5


def from_files(path: Path, name: str, namespace: str | None) -> Material:
    """The monitor of that name in the files.

    Args:
        path: a file or folder.
        name: of the monitor.
        namespace: its namespace; the only one in the files that has such a monitor if None.

    Raises:
        NoReport: a file cannot be read, or there is no such monitor in them, or several.
    """
    objects = list(_objects(path))
    titles = sorted({title for title in map(_title, objects) if title})
    fitting = [one for one in titles if one == f"{namespace or one.partition('/')[0]}/{name}"]
    if len(fitting) != 1:
        shown = ", ".join(titles[:_SHOWN]) + (f" and {len(titles) - _SHOWN} more" if titles[_SHOWN:] else "")
        why = "give --namespace" if fitting else f"in there: {shown or 'nothing of any monitor'}"
        raise NoReport(
            f"{path}: {len(fitting)} monitors {namespace + '/' if namespace else ''}{name}; {why}. Files hold"
            f" what `kubectl get llmmonitor,configmap -l {LABEL} -o json` prints, and the LLMMonitor itself"
        )
    found_namespace, _, _ = fitting[0].partition("/")
    monitor = next((one for one in objects if one["kind"] == KIND and _title(one) == fitting[0]), None)
    return material_of(found_namespace, name, monitor, [one for one in objects if one["kind"] == "ConfigMap"])


def _objects(path: Path) -> Iterator[Raw]:
    files = sorted(one for one in path.iterdir() if one.suffix in _ENDINGS) if path.is_dir() else [path]
    for file in files:
        yield from _known(_documents(file))


def _documents(file: Path) -> list[Any]:
    try:
        with file.open("rb") as opened:
            content = opened.read(_BYTES_LIMIT + 1)
    except OSError as error:
        raise NoReport(f"{file}: {error.strerror}") from error
    if len(content) > _BYTES_LIMIT:
        raise NoReport(f"{file}: larger than {_BYTES_LIMIT} bytes; save the objects of fewer monitors in it")
    try:
        if file.suffix == ".json":
            return [msgspec.json.decode(content)]
        return list(YAML(typ="safe", pure=True).load_all(content.decode()))
    except (msgspec.DecodeError, YAMLError, ValueError, RecursionError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NoReport(f"{file}: neither JSON nor YAML of Kubernetes objects: {words}") from error


def _known(documents: Iterable[Any]) -> Iterator[Raw]:
    for one in documents:
        if not isinstance(one, Mapping):
            continue
        kind = one.get("kind")
        if isinstance(one.get("items"), list):
            yield from _known(one["items"])
        elif kind in {KIND, "ConfigMap"} and isinstance(one.get("metadata"), Mapping):
            yield one


def _title(one: Raw) -> str:
    """`namespace/name` of the monitor that an object is, or is kept of; empty if of none."""
    metadata = one["metadata"]
    if one["kind"] == KIND:
        return f"{metadata.get('namespace', 'default')}/{metadata.get('name', '')}"
    if LABEL not in mapping(metadata.get("labels")):
        return ""
    return str(mapping(metadata.get("annotations")).get(MONITOR) or "")
