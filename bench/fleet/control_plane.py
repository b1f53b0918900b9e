"""A control plane of the scale bench's own: etcd and the API server, as the end-to-end tests start them.

In another folder and another network than the tests' cluster, so both run beside each other. No kubelet, no
scheduler, no controllers: pods are what the bench writes, and nothing but the operator acts on them.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.fleet.programs import Running, started, stopped
from e2e.cluster import binaries, control_plane
from e2e.cluster.credentials import Credentials
from e2e.cluster.layout import CONTROL_PLANE, Layout
from e2e.kubectl import Kubectl, Refused

ROOT = Path("/var/lib/llm-monitor-scale")
ADMIN = "admin"
_START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """One that answers."""

    layout: Layout
    credentials: Credentials
    daemons: tuple[Running, ...]
    """etcd and the API server."""

    @property
    def kubectl(self) -> Kubectl:
        """As administrator."""
        return Kubectl([str(self.layout.root / "bin" / "kubectl"), f"--kubeconfig={self.kubeconfig}"])

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.layout.admin_kubeconfig

    def kubeconfig_of(self, namespace: str, account: str) -> Path:
        """A ServiceAccount's, by certificate: no token has to be renewed, and the rights are the same."""
        user = f"system:serviceaccount:{namespace}:{account}"
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        return self.credentials.kubeconfig(account, user, groups)


def fetched() -> None:
    """Bring the programs, where there is a way to them.

    Raises:
        ClusterUnavailable: this machine has neither the programs nor Go.
    """
    layout = Layout.from_environment()
    binaries.find(layout)
    binaries.helm(layout)


@contextmanager
def running() -> Iterator[ControlPlane]:
    """A new one for as long as the context lasts; to be entered inside its network.

    Raises:
        Ended: a program ended instead of starting.
        TimeoutError: it does not answer.
        ClusterUnavailable: this machine has neither the programs nor Go.
    """
    layout = Layout(ROOT, Layout.from_environment().cache)
    programs = binaries.find(layout)
    shutil.rmtree(layout.root, ignore_errors=True)
    layout.root.mkdir(parents=True)
    (layout.root / "bin").symlink_to(programs.resolve())
    credentials = Credentials.create(layout, CONTROL_PLANE)
    credentials.kubeconfig(ADMIN, ADMIN, ("system:masters",))
    daemons: list[Running] = []
    try:
        daemons.extend(
            started(program.name, [str(word) for word in program.command], layout.logs)
            for program in control_plane.server(layout, programs, credentials)
        )
        found = ControlPlane(layout, credentials, tuple(daemons))
        _wait(found)
        yield found
    finally:
        stopped(daemons)
        shutil.rmtree(layout.root, ignore_errors=True)


def _wait(found: ControlPlane) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        for daemon in found.daemons:
            daemon.check()
        try:
            found.kubectl("get", "--raw=/readyz")
        except (Refused, subprocess.SubprocessError):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the API server is not ready within {_START_SECONDS:.0f} s") from None
            time.sleep(0.2)
        else:
            return
