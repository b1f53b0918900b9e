"""Takes parts of the running cluster away and brings them back as they were: daemons, and packets of a pod.

A daemon is found among the cluster's processes by its command line, which is also how it is started again; so
nothing has to be remembered of how the cluster was put up. Each fault ends with the `with` block.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from e2e.cluster import cgroups, containerd, running
from e2e.cluster.errors import ClusterFailed
from e2e.cluster.layout import CONTROL_PLANE, Layout, Node
from e2e.cluster.processes import Daemon, Program, start, wait_until

ETCD, API_SERVER, KUBELET = "etcd", "kube-apiserver", "kubelet"
_OURS = ("llm-monitor-sidecar", *(f"llm-monitor-{number}" for number in range(1, 11)))
PYTHON = "/opt/llm-monitor/bin/python3"
_BY_LIBRARY = """
import ctypes, sys
nft = ctypes.CDLL("libnftables.so.1")
nft.nft_ctx_new.restype = ctypes.c_void_p
context = ctypes.c_void_p(nft.nft_ctx_new(0))
sys.exit(1 if nft.nft_run_cmd_from_buffer(context, sys.stdin.read().encode()) else 0)
"""
_TABLE = "llm_monitor_fault"
_STARTED: list[Daemon] = []
"""Daemons that are children of this process by now: a forgotten Popen complains that it still runs."""
_GONE_SECONDS = 20.0
_BACK_SECONDS = 120.0
_COMMAND_SECONDS = 30


@contextmanager
def without(layout: Layout, program: str, node: Node = CONTROL_PLANE) -> Iterator[None]:
    """The daemon is killed, and started again afterwards; returns once the API server is ready again.

    Raises:
        ClusterFailed: there is no such daemon, or it does not come back.
    """
    pid, command = _found(program, node)
    name = program if program in {ETCD, API_SERVER} else f"{node.name}-{program}"
    os.kill(pid, signal.SIGKILL)
    _wait_gone(pid, program)
    try:
        yield
    finally:
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        daemon = start(Program(name, node, command), layout.logs, path)
        _STARTED.append(daemon)
        wait_until("the cluster answers again", lambda: running.is_up(layout), [daemon], _BACK_SECONDS)


@contextmanager
def cut_off(layout: Layout, pod: Mapping[str, Any], *rules: str) -> Iterator[None]:
    """In the pod's own network namespace, packets that one of `rules` matches are dropped.

    Args:
        layout: of the cluster.
        pod: one that runs.
        rules: what nft puts before `drop`, such as `ip daddr 10.96.0.1`; for packets in and out alike.
    """
    body = "\n".join(f"  {rule} drop" for rule in rules)
    chains = "\n".join(
        f" chain {hook} {{\n  type filter hook {hook} priority -500; policy accept;\n{body}\n }}"
        for hook in ("input", "output")
    )
    with _nft_of(layout, pod) as nft:
        nft(f"table inet {_TABLE} {{\n{chains}\n}}\n")
        try:
            yield
        finally:
            nft(f"delete table inet {_TABLE}\n")


def pid_of(layout: Layout, pod: Mapping[str, Any], container: str = "") -> int:
    """The first process of a container, as this machine counts them; of the pod's first one unless named."""
    status = _status(pod, container)
    identity = status["containerID"].removeprefix("containerd://")
    listing = _output(containerd.ctr(layout, _node_of(pod), "tasks", "list"))
    for line in listing.splitlines()[1:]:
        task, pid, *_ = line.split()
        if task == identity:
            return int(pid)
    raise ClusterFailed(f"no task of container {status['name']} of pod {pod['metadata']['name']}")


@contextmanager
def _nft_of(layout: Layout, pod: Mapping[str, Any]) -> Iterator[Callable[[str], None]]:
    """Runs nft scripts in the pod's network, also after its containers have ended and others have begun.

    By this machine's nft; beside rules of ours by the library that made them: an older nft (1.0.6) crashes at
    what a newer one (1.1) notes in the kernel about a set.
    """
    ours = [
        one["name"] for one in _statuses(pod) if one["name"].startswith(_OURS) and "running" in one["state"]
    ]
    pid = pid_of(layout, pod, ours[0] if ours else "")
    with Path(f"/proc/{pid}/ns/net").open() as net, Path(f"/proc/{pid}/ns/mnt").open() as mounts:
        held = f"/proc/{os.getpid()}/fd"
        enter = ["nsenter", f"--net={held}/{net.fileno()}"]
        by_library = [f"--mount={held}/{mounts.fileno()}", "--", PYTHON, "-c", _BY_LIBRARY]
        command = [*enter, *(by_library if ours else ["--", "nft", "--file", "-"])]

        def run(script: str) -> None:
            _output(command, script)

        yield run


def _statuses(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    status = pod["status"]
    more = (status.get(kind, ()) for kind in ("initContainerStatuses", "ephemeralContainerStatuses"))
    return [*status["containerStatuses"], *(one for statuses in more for one in statuses)]


def _status(pod: Mapping[str, Any], container: str) -> dict[str, Any]:
    found = [one for one in _statuses(pod) if container in {"", one["name"]}]
    if not found:
        raise ClusterFailed(f"no container {container} in pod {pod['metadata']['name']}")
    return found[0]


def _node_of(pod: Mapping[str, Any]) -> Node:
    return Node(int(pod["spec"]["nodeName"].rpartition("-")[2]))


def _found(program: str, node: Node) -> tuple[int, list[str]]:
    for pid in cgroups.processes():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
        except (FileNotFoundError, ProcessLookupError):
            continue
        here = program != KUBELET or f"--hostname-override={node.name}" in command
        if command and Path(command[0]).name == program and here:
            return pid, command
    raise ClusterFailed(f"no {program} of {node.name} runs")


def _wait_gone(pid: int, program: str) -> None:
    deadline = time.monotonic() + _GONE_SECONDS
    while pid in cgroups.processes() and not any(
        one.process.pid == pid and one.process.poll() is not None for one in _STARTED
    ):
        if time.monotonic() > deadline:
            raise ClusterFailed(f"{program} (pid {pid}) does not die")
        time.sleep(0.05)


def _output(command: Sequence[str], given: str | None = None) -> str:
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    done = subprocess.run(
        command,
        input=given,
        text=True,
        capture_output=True,
        timeout=_COMMAND_SECONDS,
        check=False,
        env={**os.environ, "PATH": path},
    )
    if done.returncode:
        raise ClusterFailed(f"{' '.join(command)}: {done.stderr}")
    return done.stdout
