"""Starts the cluster's daemons, each in a node's network and in the cluster's cgroup, and outlives neither.

A daemon is started once and not watched over: one that dies while the cluster starts is an error with the end
of its log; later it is what the test wanted.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import cgroups, network
from e2e.cluster.errors import ClusterFailed
from e2e.cluster.layout import Node

_JOIN_CGROUP = 'procs=$1; shift; echo $$ > "$procs" && exec "$@"'
_POLL_SECONDS = 0.1
_LOG_TAIL_LINES = 25


@dataclass(frozen=True, slots=True)
class Program:
    """A daemon: its log's name, where it runs, and its command line."""

    name: str
    node: Node
    command: Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class Daemon:
    """A started program."""

    program: Program
    process: subprocess.Popen[bytes]
    log: Path

    def failed(self) -> str | None:
        """Why it is no longer there, with the end of its log; None while it runs."""
        if self.process.poll() is None:
            return None
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])
        return f"{self.program.name} ended with {self.process.returncode}; the end of {self.log}:\n{tail}"


def start(program: Program, logs: Path, path: str) -> Daemon:
    """Start `program`; it goes on when this process ends. `path` is its PATH."""
    procs = cgroups.create()
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{program.name}.log"
    command = [*network.inside(program.node), *map(str, program.command)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["sh", "-c", _JOIN_CGROUP, "sh", str(procs), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={"PATH": path, "HOME": os.environ.get("HOME", "/root")},
        )
    return Daemon(program, process, log)


def wait_until(
    what: str, ready: Callable[[], bool], daemons: Sequence[Daemon], timeout_seconds: float
) -> None:
    """Ask `ready` until it holds.

    Raises:
        ClusterFailed: one of `daemons` ended, or it took longer than `timeout_seconds`.
    """
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        for daemon in daemons:
            if why := daemon.failed():
                raise ClusterFailed(why)
        if time.monotonic() > deadline:
            logs = ", ".join(str(daemon.log) for daemon in daemons)
            raise ClusterFailed(f"{what}: not within {timeout_seconds:.0f} s; see {logs}")
        time.sleep(_POLL_SECONDS)
