"""The images: what each is called, which Dockerfile makes it, and from which files.

An image's tag is the hash of all of these, so the same sources have the same tag, and a build that is there
already is not made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_TAG_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Image:
    """An image; `sources` are files and folders below the repository's root."""

    name: str
    dockerfile: str
    sources: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """The name as part of a file's."""
        return self.name.replace("/", "-")

    def files(self) -> Iterator[Path]:
        """Every file that the image is made from, in an order that never changes."""
        for place in (self.dockerfile, *self.sources):
            path = ROOT / place
            found = sorted(path.rglob("*")) if path.is_dir() else [path]
            yield from (file for file in found if file.is_file() and file.suffix != ".pyc")

    def tag(self, base: str) -> str:
        """The hash of its files and of what it is built on, in words that change with its content."""
        digest = hashlib.sha256(base.encode())
        for file in self.files():
            content = file.read_bytes()
            digest.update(f"\0{file.relative_to(ROOT)}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()[:_TAG_CHARACTERS]


_ALL = (".dockerignore", "images/root.py", "requirements/build.txt")


def _ours(member: str) -> tuple[str, ...]:
    """The sources of an image that holds a member of the workspace."""
    members = [f"{name}/{part}" for name in ("api", member) for part in ("pyproject.toml", "src")]
    return (*_ALL, f"requirements/{member}.txt", *members)


SIDECAR = Image("llm-monitor-sidecar", "sidecar/Dockerfile", _ours("sidecar"))
OPERATOR = Image("llm-monitor-operator", "operator/Dockerfile", _ours("operator"))
PRODUCT = (OPERATOR, SIDECAR)

MODEL = Image(
    "llm-monitor-e2e/model",
    "e2e/model/Dockerfile",
    (
        ".dockerignore",
        "images/root.py",
        "requirements/model.txt",
        "requirements/model-weights.txt",
        "e2e/model/server.py",
        "e2e/model/clients.py",
    ),
)
"""A real model and its clients, for the tests on a cluster."""
