"""docker or buildah, whichever builds here: the commands, and nothing else.

buildah keeps its store in our cache, apart from the machine's own, and needs no daemon and no registry. That
store is ours to keep small; docker's is its owner's.
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
_ASK_TIMEOUT_SECONDS = 60
_EPOCH = "0"
"""The time of every file and of the image: the same sources give the same digest."""
_OWN_BASE = "localhost/llm-monitor-base"
DEFAULT_BASE = "docker.io/library/python:3.13-slim"
"""The Dockerfiles' own."""
STORE_BYTES_LIMIT = 4_000_000_000
"""Of buildah's store. Cached layers go when it is larger; about 1 GB of them are of use."""


class Tool(Protocol):
    """What builds an image from a Dockerfile and keeps it in an archive."""

    def base(self, *, renew: bool = False) -> str:
        """What is built on, named by its content; brought where it is missing, and anew if asked."""

    def build(self, dockerfile: str, reference: str, secrets: Mapping[str, Path], archive: Path) -> None:
        """Build and write the archive, an OCI layout in a tar file."""

    def push(self, archive: Path, reference: str) -> str:
        """Push an archive's image to a registry as `reference`; gives its digest there."""

    def tidy(self, reference: str) -> None:
        """Remove older images of the same name, and what was kept of them."""


@dataclass(frozen=True, slots=True)
class Docker:
    """docker with BuildKit."""

    given_base: str

    def base(self, *, renew: bool = False) -> str:
        """The local image's id, after `docker pull` if need be: what a tag names changes."""
        name = self.given_base or DEFAULT_BASE
        if renew or not _says_yes(["docker", "image", "inspect", name]):
            _run(["docker", "pull", "--quiet", name])
        return _output(["docker", "image", "inspect", "--format={{.Id}}", name]).strip()

    def build(self, dockerfile: str, reference: str, secrets: Mapping[str, Path], archive: Path) -> None:
        """`docker build`, `docker save`."""
        given = [f"--secret=id={name},src={path}" for name, path in secrets.items()]
        argument = [f"--build-arg=BASE={self.given_base or DEFAULT_BASE}"]
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

    def tidy(self, reference: str) -> None:
        """Nothing: its owner prunes it."""


@dataclass(frozen=True, slots=True)
class Buildah:
    """buildah with a store of its own below `cache`."""

    given_base: str
    cache: Path

    def _command(self, *arguments: str) -> list[str]:
        store = [f"--root={self.cache / 'store'}", f"--runroot={self.cache / 'store-run'}"]
        return ["buildah", *store, *arguments]

    def base(self, *, renew: bool = False) -> str:
        """BASE's id, after a pull if need be; else our own base, which is called by what is in it."""
        if self.given_base:
            policy = "always" if renew else "missing"
            return _output(self._command("pull", "--quiet", f"--policy={policy}", self.given_base)).strip()
        name, tar = base.bring(self.cache, renew=renew)
        reference = f"{_OWN_BASE}:{name}"
        if not _says_yes(self._command("inspect", "--type=image", reference)):
            container = _output(self._command("from", "--quiet", "scratch")).strip()
            _run(self._command("add", "--quiet", container, str(tar), "/"))
            _run(self._command("commit", "--quiet", "--rm", container, reference))
            self.tidy(reference)
        return reference

    def build(self, dockerfile: str, reference: str, secrets: Mapping[str, Path], archive: Path) -> None:
        """`buildah build` without namespaces of its own, so that it works inside a container too."""
        given = [f"--secret=id={name},src={path}" for name, path in secrets.items()]
        how = ["--isolation=chroot", "--layers", f"--timestamp={_EPOCH}", "--quiet"]
        on = f"--build-arg=BASE={self.base()}"
        _run(self._command("build", *how, *given, on, "--tag", reference, "--file", dockerfile, "."))
        _run(self._command("push", "--quiet", reference, f"oci-archive:{archive}:{reference}"))

    def push(self, archive: Path, reference: str) -> str:
        """`buildah push`."""
        digest = archive.with_suffix(".digest")
        identity = _output(self._command("pull", "--quiet", f"oci-archive:{archive}")).strip()
        _run(self._command("push", "--quiet", f"--digestfile={digest}", identity, f"docker://{reference}"))
        return digest.read_text(encoding="utf-8").strip()

    def tidy(self, reference: str) -> None:
        """Older tags go at once; layers that only speed up the next build when the store is too large."""
        repository = reference.rpartition(":")[0]
        older = [one for one in self.images() if one.startswith(f"{repository}:") and one != reference]
        if older:
            _run(self._command("rmi", *older))
        if _bytes_below(self.cache / "store") > STORE_BYTES_LIMIT:
            _run(self._command("rm", "--all"))  # of builds that were interrupted: they hold layers
            _run(self._command("rmi", "--prune"))

    def images(self) -> list[str]:
        """NAME:TAG of all in the store."""
        return _output(self._command("images", "--format={{.Name}}:{{.Tag}}")).split()


def find(cache: Path, environment: Mapping[str, str] = os.environ) -> Tool | None:
    """IMAGE_TOOL's word, else docker where its daemon answers, else buildah; None where there is neither.

    BASE names the image to build on. Without it docker takes the Dockerfile's default, and buildah makes one.
    """
    wanted, given = environment.get("IMAGE_TOOL", ""), environment.get("BASE", "")
    if wanted == "docker" or (not wanted and _docker_answers()):
        return Docker(given)
    if not shutil.which("buildah"):
        return None
    return Buildah(given, cache)


def _docker_answers() -> bool:
    return bool(shutil.which("docker")) and _says_yes(["docker", "info"])


def _bytes_below(folder: Path) -> int:
    """Without what is mounted there."""
    said = _output(["du", "--summarize", "--block-size=1", "--one-file-system", str(folder)])
    return int(said.split()[0])


def _says_yes(command: list[str]) -> bool:
    done = subprocess.run(command, capture_output=True, check=False, timeout=_ASK_TIMEOUT_SECONDS)  # noqa: S603
    return done.returncode == 0


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=_BUILD_TIMEOUT_SECONDS)  # noqa: S603


def _output(command: list[str]) -> str:
    return subprocess.run(  # noqa: S603 - commands of this module
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=_BUILD_TIMEOUT_SECONDS
    ).stdout
