"""Builds what is not built yet, one build at a time, and says what came out.

An archive in the cache carries its image's tag, the hash of what it is made from: found there, it is current.
"""

from __future__ import annotations

import fcntl
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from images import pip_settings
from images.table import Image
from images.tools import Tool

_KEPT_SECONDS = 3600.0


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
        """Of its manifest, as in NAME@DIGEST."""
        with tarfile.open(self.archive) as tar:
            index = tar.extractfile("index.json")
            [manifest] = json.load(index)["manifests"] if index else [{}]
        return str(manifest["digest"])

    @property
    def compressed_bytes(self) -> int:
        """What a node pulls."""
        return self.archive.stat().st_size


def cache_folder() -> Path:
    """Where archives, the base and buildah's store are kept."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "llm-monitor" / "images"


def build(images: Sequence[Image], tool: Tool, cache: Path) -> list[Built]:
    """Build those of `images` whose sources have changed; gives all of them."""
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        return [_build(image, tool, cache) for image in images]


def _build(image: Image, tool: Tool, cache: Path) -> Built:
    tag = image.tag(tool.base)
    built = Built(image, tag, cache / f"{image.file_name}-{tag}.tar")
    if built.archive.exists():
        return built
    part = built.archive.with_suffix(".part")
    part.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        secrets = pip_settings.secrets(Path(folder), pip_settings.settings())
        tool.build(image.dockerfile, f"{built.repository}:{tag}", secrets, part)
    _remove_old(cache, image)
    part.rename(built.archive)
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
