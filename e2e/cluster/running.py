"""Puts the cluster up and takes it down: the order of things, and nothing else.

`down` looks for what is there (a cgroup, namespaces, mounts, a folder) and not for what was written down, and
`up` begins with it; so a run that was killed at any line leaves nothing that the next one trips over.
"""

# ruff: noqa: T201 - a program that people run: it says what it does

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from e2e.cluster import (
    binaries,
    cgroups,
    containerd,
    control_plane,
    images,
    kubelet,
    metrics,
    mounts,
    network,
    packages,
    sysctls,
)
from e2e.cluster.credentials import Credentials
from e2e.cluster.errors import ClusterUnavailable
from e2e.cluster.layout import CONTROL_PLANE, Layout, Node
from e2e.cluster.processes import Daemon, Program, start, wait_until
from e2e.cluster.stages import stage

_START_TIMEOUT_SECONDS = 120.0
_ASK_TIMEOUT_SECONDS = 15
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHIM_SOCKETS = Path("/run/containerd/s")


def up(layout: Layout, nodes: Sequence[Node]) -> None:
    """Start a new cluster of `nodes`; one that runs already is taken down first.

    Raises:
        ClusterUnavailable: this machine can't have one.
        ClusterFailed: it did not start.
    """
    with stage("looking for Debian packages"):
        packages.ensure()
    with _alone(layout):
        programs = binaries.find(layout)
        metrics_server = _metrics_server(layout)
        _remove(layout)
        layout.root.mkdir(parents=True)
        sysctls.note(layout.root / "sysctls.json")
        network.create(nodes)
        credentials = Credentials.create(layout, CONTROL_PLANE)
        credentials.kubeconfig("admin", "admin", ("system:masters",))
        (layout.root / "bin").symlink_to(programs.resolve())
        daemons = [_start(layout, one) for one in control_plane.server(layout, programs, credentials)]
        _wait(layout, daemons, "the API server is ready", "get", "--raw=/readyz")
        daemons += [_start(layout, one) for one in control_plane.controllers(programs, credentials)]
        for node in nodes:
            daemons.append(_start_runtime(layout, node))
            daemons += [_start(layout, one) for one in kubelet.programs(layout, node, programs, credentials)]
        for node in nodes:
            ready = ("wait", "--for=condition=Ready", f"node/{node.name}")
            _wait(layout, daemons, f"{node.name} is Ready", *ready)
        account = ("get", "serviceaccount", "default", "--namespace=default")
        _wait(layout, daemons, "pods can be created", *account)
        if metrics_server:
            daemons.append(_start(layout, metrics.program(metrics_server, credentials)))
            _apply(layout, metrics.objects(credentials))


def down(layout: Layout) -> None:
    """Remove every trace of the cluster but the cache; does nothing where there is none."""
    with _alone(layout):
        _remove(layout)


def is_up(layout: Layout) -> bool:
    """Whether a cluster runs and its nodes are ready."""
    return layout.admin_kubeconfig.exists() and _holds(layout, ("get", "--raw=/readyz"))


def kubectl(layout: Layout) -> list[str]:
    """The start of a kubectl command on the cluster, in its network."""
    return [
        *network.inside(CONTROL_PLANE),
        str(layout.root / "bin" / "kubectl"),
        f"--kubeconfig={layout.admin_kubeconfig}",
    ]


def _start(layout: Layout, program: Program) -> Daemon:
    return start(program, layout.logs, _SYSTEM_PATH)


def _metrics_server(layout: Layout) -> Path | None:
    """A cluster is worth having without it too."""
    try:
        return binaries.install(binaries.METRICS_SERVER, layout)
    except ClusterUnavailable as unavailable:
        print(f"!!! no metrics-server, so no kubectl top and no autoscaling: {unavailable}", flush=True)
        return None


def _apply(layout: Layout, objects: Sequence[Mapping[str, Any]]) -> None:
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    command = [*kubectl(layout), "apply", "--filename=-"]
    subprocess.run(
        command,
        input=document,
        text=True,
        stdout=subprocess.DEVNULL,
        timeout=4 * _ASK_TIMEOUT_SECONDS,
        check=True,
    )


def _start_runtime(layout: Layout, node: Node) -> Daemon:
    daemon = _start(layout, containerd.program(layout, node))
    answers = partial(_succeeds, containerd.ctr(layout, node, "version"))
    wait_until(f"containerd of {node.name} answers", answers, [daemon], _START_TIMEOUT_SECONDS)
    images.import_into(layout, node, images.all_images())
    return daemon


def _wait(layout: Layout, daemons: Sequence[Daemon], what: str, *question: str) -> None:
    wait_until(what, partial(_holds, layout, question), daemons, _START_TIMEOUT_SECONDS)


def _holds(layout: Layout, question: Sequence[str]) -> bool:
    return _succeeds([*kubectl(layout), f"--request-timeout={_ASK_TIMEOUT_SECONDS}s", *question])


def _succeeds(command: Sequence[str]) -> bool:
    done = subprocess.run(command, capture_output=True, timeout=4 * _ASK_TIMEOUT_SECONDS, check=False)
    return done.returncode == 0


def _remove(layout: Layout) -> None:
    cgroups.kill_all()
    _remove_shim_sockets(layout)
    mounts.unmount_all(layout.root)
    network.delete_all()
    cgroups.delete_all()
    sysctls.restore(layout.root / "sysctls.json")
    if layout.root.exists():
        shutil.rmtree(layout.root)


def _remove_shim_sockets(layout: Layout) -> None:
    """Shims listen outside the state folder; each container's bundle says where."""
    for address in layout.root.glob("*/run/io.containerd.runtime.v2.task/*/*/address"):
        socket = Path(address.read_text(encoding="utf-8").removeprefix("unix://"))
        if socket.parent == _SHIM_SOCKETS:
            socket.unlink(missing_ok=True)


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """One `up` or `down` at a time; the second waits."""
    layout.cache.mkdir(parents=True, exist_ok=True)
    with (layout.cache / "cluster.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def shell_environment(layout: Layout) -> dict[str, str]:
    """The environment of a person at work on the cluster: KUBECONFIG, and kubectl and Helm on the path."""
    helm = binaries.HELM.path(layout).parent
    folders = [str(layout.root / "bin"), str(helm), os.environ.get("PATH", os.defpath)]
    return {**os.environ, "KUBECONFIG": str(layout.admin_kubeconfig), "PATH": os.pathsep.join(folders)}
