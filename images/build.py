"""Builds what is not built yet, one build at a time, and says what came out.

An archive in the cache carries its image's tag, the hash of what it is made from: found there, it is current.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from images import pip_settings
from images.table import Image
from images.tools import Tool

_KEPT_SECONDS = 3600.0
_UNPACK_TIMEOUT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Built:
    """An image in an archive (an OCI layout in a tar file)."""

    image: Image
    tag: str
    archive: Path

    @property
    def repository(self) -> str:
        """Where it lives without a registry."""
        return f"localhost/{self.image.name}"

    @property
    def digest(self) -> str:
        """Of its manifest in the archive, as in NAME@DIGEST; a registry it is pushed to may have another."""
        return str(self._manifest_in_index()["digest"])

    @property
    def size(self) -> str:
        """In words: what a node pulls if the layers are compressed, else what the archive takes."""
        layers = self._layers()
        compressed = all(layer["mediaType"].endswith(("gzip", "zstd")) for layer in layers)
        megabytes = sum(layer["size"] for layer in layers) / 1e6
        return f"{megabytes:.0f} MB {'compressed' if compressed else 'uncompressed'}"

    def unpack(self, folder: Path) -> None:
        """Put its files below `folder`, layer by layer; what a layer takes away from those before stays."""
        folder.mkdir(parents=True)
        for layer in self._layers():
            with tarfile.open(self.archive) as tar, tempfile.TemporaryDirectory() as place:
                name = _blob(layer["digest"])
                tar.extract(name, place)  # tar looks into a file how it is compressed
                command = ["tar", "-xf", str(Path(place) / name), "-C", str(folder)]
                subprocess.run(command, check=True, timeout=_UNPACK_TIMEOUT_SECONDS)  # noqa: S603

    def _layers(self) -> list[dict[str, Any]]:
        return list(self._read(_blob(self.digest))["layers"])

    def _manifest_in_index(self) -> dict[str, Any]:
        [manifest] = self._read("index.json")["manifests"]
        return dict(manifest)

    def _read(self, entry: str) -> dict[str, Any]:
        with tarfile.open(self.archive) as tar:
            file = tar.extractfile(entry)
            return dict(json.load(file)) if file else {}


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def cache_folder() -> Path:
    """Where archives, the base and buildah's store are kept."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "llm-monitor" / "images"


def build(images: Sequence[Image], tool: Tool, cache: Path, *, renew: bool = False) -> list[Built]:
    """Build those of `images` whose sources, or whose base, have changed; gives all of them.

    With `renew` the base is brought anew first.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        base = tool.base(renew=renew)
        return [_build(image, tool, base, cache) for image in images]


def _build(image: Image, tool: Tool, base: str, cache: Path) -> Built:
    tag = image.tag(base)
    built = Built(image, tag, cache / f"{image.file_name}-{tag}.tar")
    if built.archive.exists():
        return built
    part = built.archive.with_suffix(".part")
    part.unlink(missing_ok=True)
    reference = f"{built.repository}:{tag}"
    with tempfile.TemporaryDirectory() as folder:
        secrets = pip_settings.secrets(Path(folder), pip_settings.settings())
        tool.build(image.dockerfile, reference, secrets, part)
    _remove_old(cache, image)
    part.rename(built.archive)
    tool.tidy(reference)
    return built


def _remove_old(cache: Path, image: Image) -> None:
    """Archives that nobody is importing any more."""
    for archive in cache.glob(f"{image.file_name}-*.tar"):
        if time.time() - archive.stat().st_mtime > _KEPT_SECONDS:
            archive.unlink()


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
