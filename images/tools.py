"""docker or buildah, whichever builds here: the commands, and nothing else.

buildah keeps its store in our cache, apart from the machine's own, and needs no daemon and no registry.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from images import base
from images.table import ROOT

_BUILD_TIMEOUT_SECONDS = 1800
_ASK_TIMEOUT_SECONDS = 30
_EPOCH = "0"
"""The time of every file and of the image: the same sources give the same digest."""
_OWN_BASE = f"localhost/llm-monitor-base:{base.NAME}"


class Tool(Protocol):
    """What builds an image from a Dockerfile and keeps it in an archive."""

    @property
    def base(self) -> str:
        """The image to build on; empty for the Dockerfile's own."""

    def build(self, dockerfile: str, reference: str, secrets: Mapping[str, Path], archive: Path) -> None:
        """Build and write the archive, an OCI layout in a tar file."""

    def push(self, archive: Path, reference: str) -> str:
        """Push an archive's image to a registry as `reference`; gives its digest there."""


@dataclass(frozen=True, slots=True)
class Docker:
    """docker with BuildKit."""

    base: str

    def build(self, dockerfile: str, reference: str, secrets: Mapping[str, Path], archive: Path) -> None:
        """`docker build`, `docker save`."""
        given = [f"--secret=id={name},src={path}" for name, path in secrets.items()]
        argument = [f"--build-arg=BASE={self.base}"] if self.base else []
        _run(["docker", "build", *given, *argument, "--tag", reference, "--file", dockerfile, "."])
        _run(["docker", "save", "--output", str(archive), reference])

    def push(self, archive: Path, reference: str) -> str:
        """`docker push`."""
        loaded = _output(["docker", "load", "--quiet", "--input", str(archive)]).strip().rpartition(" ")[2]
        _run(["docker", "tag", loaded, reference])
        _run(["docker", "push", "--quiet", reference])
        said = _output(
            ["docker", "image", "inspect", "--format={{range .RepoDigests}}{{println .}}{{end}}", reference]
        )
        repository = reference.rpartition(":")[0]
        return next(line.partition("@")[2] for line in said.splitlines() if line.startswith(f"{repository}@"))


@dataclass(frozen=True, slots=True)
class Buildah:
    """buildah with a store of its own below `cache`."""

    base: str
    cache: Path

    def _command(self, *arguments: str) -> list[str]:
        store = [f"--root={self.cache / 'store'}", f"--runroot={self.cache / 'store-run'}"]
        return ["buildah", *store, *arguments]

    def build(self, dockerfile: str, reference: str, secrets: Mapping[str, Path], archive: Path) -> None:
        """`buildah build` without namespaces of its own, so that it works inside a container too."""
        if self.base == _OWN_BASE:
            self._bring_base()
        given = [f"--secret=id={name},src={path}" for name, path in secrets.items()]
        argument = [f"--build-arg=BASE={self.base}"] if self.base else []
        how = ["--isolation=chroot", "--layers", f"--timestamp={_EPOCH}", "--quiet"]
        _run(self._command("build", *how, *given, *argument, "--tag", reference, "--file", dockerfile, "."))
        _run(self._command("push", "--quiet", reference, f"oci-archive:{archive}:{reference}"))

    def push(self, archive: Path, reference: str) -> str:
        """`buildah push`."""
        digest = archive.with_suffix(".digest")
        identity = _output(self._command("pull", "--quiet", f"oci-archive:{archive}")).strip()
        _run(self._command("push", "--quiet", f"--digestfile={digest}", identity, f"docker://{reference}"))
        return digest.read_text(encoding="utf-8").strip()

    def _bring_base(self) -> None:
        present = subprocess.run(  # noqa: S603 - a fixed command
            self._command("inspect", "--type=image", self.base), capture_output=True, check=False, timeout=60
        )
        if present.returncode == 0:
            return
        made = base.make(self.cache)
        container = _output(self._command("from", "--quiet", "scratch")).strip()
        _run(self._command("add", "--quiet", container, str(made), "/"))
        _run(self._command("commit", "--quiet", "--rm", container, self.base))


def find(cache: Path, environment: Mapping[str, str] = os.environ) -> Tool | None:
    """IMAGE_TOOL's word, else docker where its daemon answers, else buildah; None where there is neither.

    BASE names the image to build on. Without it docker takes the Dockerfile's default, and buildah makes one.
    """
    wanted, given = environment.get("IMAGE_TOOL", ""), environment.get("BASE", "")
    if wanted == "docker" or (not wanted and _docker_answers()):
        return Docker(given)
    if not shutil.which("buildah"):
        return None
    return Buildah(given or _OWN_BASE, cache)


def _docker_answers() -> bool:
    if not shutil.which("docker"):
        return False
    done = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=_ASK_TIMEOUT_SECONDS)  # noqa: S607
    return done.returncode == 0


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=_BUILD_TIMEOUT_SECONDS)  # noqa: S603


def _output(command: list[str]) -> str:
    return subprocess.run(  # noqa: S603 - commands of this module
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=_BUILD_TIMEOUT_SECONDS
    ).stdout
