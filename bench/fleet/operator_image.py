"""The operator as users run it: its image's files, with the Python that is in it.

The machine's own Python may be of another version, or built without profile-guided optimization, and then
takes half as long again for the same work. No container is made: the files lie in a folder, which is the
program's root.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import product
from images.build import Built, build, cache_folder
from images.table import OPERATOR, ROOT

_BIN = "opt/llm-monitor/bin"
_PROGRAM = f"/{_BIN}/llm-monitor-operator"
_ASK_TIMEOUT_SECONDS = 30


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


def built() -> Built:
    """The image of this tree, built where it is not there yet.

    Raises:
        e2e.cluster.errors.ClusterUnavailable: nothing here can build images.
    """
    [found] = build([OPERATOR], product.builder(), cache_folder())
    return found


def unpacked(image: Built, folder: Path) -> OperatorImage:
    """Its files, put below `folder`."""
    image.unpack(folder)
    (folder / "tmp").mkdir(exist_ok=True)  # the client of the API server puts certificates there
    return OperatorImage(folder)
