"""What the cluster needs of the operating system: a container runtime, CNI plug-ins, tools for networks.

On Debian and Ubuntu, as root, what is missing is installed; elsewhere it is only said.
"""

# ruff: noqa: T201 - a program that people run: it says what it does

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from e2e.cluster.errors import ClusterUnavailable

NEEDED = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "nft": "nftables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "conntrack": "conntrack",
    "catatonit": "catatonit",
    "busybox": "busybox-static",
}
"""Program (by name or path) and the Debian package that brings it."""
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
_INSTALL_TIMEOUT_SECONDS = 600


def ensure() -> None:
    """Install what is missing.

    Raises:
        ClusterUnavailable: not Linux, not root, or packages that could not be installed.
    """
    if sys.platform != "linux":
        raise ClusterUnavailable(f"a kubelet needs Linux, not {sys.platform}; set E2E_KUBECONFIG instead")
    if os.geteuid() != 0:
        raise ClusterUnavailable("a kubelet needs root; set E2E_KUBECONFIG to test on a cluster of your own")
    if packages := missing():
        install(packages)
    if packages := missing():
        raise ClusterUnavailable(f"these packages are missing: {' '.join(packages)}")


def missing() -> list[str]:
    """Debian packages of which a program is not there."""
    absent = {package for program, package in NEEDED.items() if not program_path(program)}
    return sorted(absent)


def program_path(program: str) -> Path | None:
    """Where a program of `NEEDED` is, /usr/sbin included."""
    found = shutil.which(program, path=_PATH)
    return Path(found) if found else None


def install(packages: list[str]) -> None:
    """Install Debian packages, without services being started for them."""
    if not shutil.which("apt-get"):
        return
    print(f"installing {' '.join(packages)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_INSTALL_TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise ClusterUnavailable(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")
