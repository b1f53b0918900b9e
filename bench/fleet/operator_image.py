"""The operator as users run it: its image's files, with the Python that is in it.

The machine's own Python may be of another version, or built without profile-guided optimization, and then
takes half as long again for the same work. No container is made: the files lie in a folder, which is the
program's root.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec
from e2e.cluster.errors import ClusterUnavailable
from images import tools
from images.build import build, cache_folder
from images.table import OPERATOR, ROOT

_BIN = "opt/llm-monitor/bin"
_PROGRAM = f"/{_BIN}/llm-monitor-operator"
_TIMEOUT_SECONDS = 600
_ASK_TIMEOUT_SECONDS = 30


class _Named(msgspec.Struct):
    digest: str

    @property
    def path(self) -> str:
        return f"blobs/{self.digest.replace(':', '/')}"


class _Index(msgspec.Struct):
    manifests: list[_Named]


class _Manifest(msgspec.Struct):
    layers: list[_Named]


@dataclass(frozen=True, slots=True)
class OperatorImage:
    """The image's files."""

    root: Path

    def command(self, *arguments: str) -> list[str]:
        """What starts the operator in it."""
        return ["chroot", str(self.root), _PROGRAM, *arguments]

    def module(self, name: str, *arguments: str) -> list[str]:
        """What starts a module of this repository's benches in it, beside the operator's own packages."""
        for folder in ("bench", "e2e", "images"):
            shutil.copytree(ROOT / folder, self.root / folder, dirs_exist_ok=True)
        python = f"/{_BIN}/python"
        return ["env", "PYTHONPATH=/", "chroot", str(self.root), python, "-m", name, *arguments]

    def given(self, file: Path) -> str:
        """Put a copy of `file` into it; gives its path in there."""
        (self.root / file.name).write_bytes(file.read_bytes())
        return f"/{file.name}"

    def python(self) -> str:
        """The version of its Python."""
        ask = ["chroot", str(self.root), f"/{_BIN}/python", "--version"]
        said = subprocess.run(ask, check=True, capture_output=True, text=True, timeout=_ASK_TIMEOUT_SECONDS)
        return said.stdout.strip()


def built() -> Path:
    """The image's archive: of this tree, built where it is not there yet.

    Raises:
        e2e.cluster.errors.ClusterUnavailable: nothing here can build images.
    """
    subprocess.run([str(ROOT / "images" / "install-builder")], check=True, timeout=_TIMEOUT_SECONDS)
    tool = tools.find(cache_folder())
    if tool is None:
        raise ClusterUnavailable("neither docker (with its daemon) nor buildah is here to build images")
    [found] = build([OPERATOR], tool, cache_folder())
    return found.archive


def unpacked(archive: Path, folder: Path) -> OperatorImage:
    """The files of an image in an archive (an OCI layout in a tar file), put below `folder`."""
    with tarfile.open(archive) as layout:
        index = msgspec.json.decode(_read(layout, "index.json"), type=_Index)
        manifest = msgspec.json.decode(_read(layout, index.manifests[0].path), type=_Manifest)
        layers = [_read(layout, layer.path) for layer in manifest.layers]
    folder.mkdir(parents=True)
    for layer in layers:
        _unpack(layer, folder)
    (folder / "tmp").mkdir(exist_ok=True)  # the client of the API server puts certificates there
    return OperatorImage(folder)


def _unpack(layer: bytes, folder: Path) -> None:
    with tempfile.NamedTemporaryFile() as file:  # tar looks into a file how it is compressed
        file.write(layer)
        file.flush()
        subprocess.run(["tar", "-xf", file.name, "-C", str(folder)], check=True, timeout=_TIMEOUT_SECONDS)


def _read(layout: tarfile.TarFile, name: str) -> bytes:
    file = layout.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file in {layout.name!r}")
    return file.read()
