"""One cgroup that holds every process of the cluster, whoever started it: this is how `down` finds them all.

The kernel keeps the list, so it is right after a kill -9 of anything, and no pid in it can have been reused.
Works with cgroup v1 (one folder in every hierarchy) and v2.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from e2e.cluster.errors import ClusterFailed
from e2e.cluster.layout import NAME, Node

_ROOT = Path("/sys/fs/cgroup")
_STOP_TIMEOUT_SECONDS = 20.0
_POLL_SECONDS = 0.05
SYSTEM = f"{NAME}/system"
"""The daemons; containers' shims stay in it too."""
PODS = f"{NAME}/pods"
"""The pods of each node, in a cgroup of its own."""


def hierarchies(root: Path = _ROOT) -> list[Path]:
    """Where cgroups are made: the unified hierarchy alone, or every one of version 1."""
    if (root / "cgroup.controllers").exists():
        return [root]
    return sorted(
        path for path in root.iterdir() if (path / "cgroup.procs").exists() and not path.is_symlink()
    )


def create() -> Path:
    """Make our cgroups in every hierarchy; gives the file a daemon writes its pid to, to be counted in."""
    for hierarchy in hierarchies():
        for group in (SYSTEM, PODS):
            (hierarchy / group).mkdir(parents=True, exist_ok=True)
    return _accounting(hierarchies()) / SYSTEM / "cgroup.procs"


def create_for_pods(node: Node) -> str:
    """Make a node's cgroupRoot; gives its name.

    A kubelet kills what it finds below its root and does not know: with one root for two of them, each kills
    the other's pods within seconds.
    """
    group = f"{PODS}/{node.name}"
    for hierarchy in hierarchies():
        (hierarchy / group).mkdir(parents=True, exist_ok=True)
    return f"/{group}"


def processes() -> list[int]:
    """The pids of the whole cluster."""
    found = hierarchies()
    if not found:
        return []
    pids: list[int] = []
    for listing in (_accounting(found) / NAME).rglob("cgroup.procs"):
        pids += [int(line) for line in listing.read_text().split()]
    return pids


def kill_all() -> None:
    """Kill every process of the cluster and wait until the last is gone.

    Raises:
        ClusterFailed: some could not be killed in 20 s.
    """
    deadline = time.monotonic() + _STOP_TIMEOUT_SECONDS
    while pids := processes():
        if time.monotonic() > deadline:
            raise ClusterFailed(f"these processes of the cluster do not die: {pids}")
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(_POLL_SECONDS)


def delete_all() -> None:
    """Remove our cgroups, which must be empty of processes."""
    for hierarchy in hierarchies():
        top = hierarchy / NAME
        for group in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
            group.rmdir()
        if top.is_dir():
            top.rmdir()


def _accounting(found: list[Path]) -> Path:
    """The hierarchy to ask: every process of the cluster is in our cgroups of each."""
    by_name = {path.name: path for path in found}
    return by_name.get("pids") or found[0]
