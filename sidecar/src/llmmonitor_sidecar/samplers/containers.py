"""Finds the model's container among the processes of a pod that this one can see.

Whose socket it is stands in `/proc/PID/fd`, which only the same user with as many capabilities may read: not
we. What anyone may read is each process's cgroup (one per container), parent, user and command line, and the
user of a listening socket. Attached, we are in the model's PID namespace: its process 1 is the model's
container. With `shareProcessNamespace` process 1 is the pod's pause, and all containers are candidates.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil

PROCESSES_LIMIT = 4096
_FILE_BYTES_LIMIT = 16 * 1024 * 1024
_LISTEN = "0A"
_PAUSES = ("pause", "pod")
"""What the program of process 1 is called when it only holds a pod's namespaces (containerd, CRI-O)."""
_SIDECAR = "llm-monitor-sidecar"


@dataclass(frozen=True, slots=True)
class Seen:
    """One process, as anyone may see it."""

    pid: int
    cgroup: str
    """As `/proc/PID/cgroup` has it: the same for all processes of a container."""
    uid: int
    command: tuple[str, ...]
    started: float


class Ambiguous(Exception):
    """None of the containers, or more than one, can be the model's; the message says which."""


def seen(root: Path = Path("/")) -> list[Seen]:
    """All processes of this PID namespace; who vanishes meanwhile is left out."""
    found: list[Seen] = []
    for process in psutil.process_iter():
        if len(found) >= PROCESSES_LIMIT:
            break
        try:
            with process.oneshot():
                command = tuple(process.cmdline())
                uid, started = process.uids().real, process.create_time()
        except psutil.Error:
            continue
        cgroup = _cgroup(process.pid, root)
        if not cgroup:
            continue
        found.append(Seen(process.pid, cgroup, uid, command, started))
    return found


def beside(pid: int, not_these: frozenset[int], root: Path = Path("/")) -> list[int]:
    """Pids of the container of process `pid`, which share its limits though they need not descend from it.

    Somebody may have started them there (kubectl exec). Empty where the container is this sidecar's own or
    cannot be told.
    """
    cgroup = _cgroup(pid, root)
    if not cgroup or cgroup == _cgroup("self", root):
        return []
    found = [one for one in pids(root) if one not in not_these and one != pid]
    return [one for one in found[:PROCESSES_LIMIT] if _cgroup(one, root) == cgroup]


def pids(root: Path = Path("/")) -> list[int]:
    """Of this PID namespace, ascending."""
    try:
        return sorted(int(one.name) for one in (root / "proc").iterdir() if one.name.isdecimal())
    except OSError:
        return []


def _cgroup(pid: int | str, root: Path) -> str:
    try:
        return (root / f"proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def listening_uids(port: int, root: Path = Path("/")) -> frozenset[int]:
    """Users whose sockets listen on `port` in this network namespace (proc_pid_net(5))."""
    found = set()
    for name in ("tcp", "tcp6"):
        try:
            with (root / "proc/net" / name).open(encoding="ascii") as file:
                lines = file.read(_FILE_BYTES_LIMIT).splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if len(fields) > 7 and fields[3] == _LISTEN and fields[1].endswith(f":{port:04X}"):  # noqa: PLR2004 - uid is the 8th
                found.add(int(fields[7]))
    return frozenset(found)


def first_of_model(processes: Sequence[Seen], own: frozenset[int], port: int, uids: frozenset[int]) -> int:
    """The pid of the first process of the model's container.

    Args:
        processes: all that can be seen.
        own: pids of this sidecar.
        port: the model's.
        uids: whose sockets listen there.

    Raises:
        Ambiguous: when that cannot be told.
    """
    containers: dict[str, list[Seen]] = defaultdict(list)
    for process in processes:
        containers[process.cgroup].append(process)
    candidates = [
        members for members in containers.values() if not _is_ours(members, own) and not _is_pause(members)
    ]
    for members in candidates:
        if any(process.pid == 1 for process in members):
            return 1
    return _first(_only_one(candidates, port, uids)).pid


def _only_one(candidates: list[list[Seen]], port: int, uids: frozenset[int]) -> list[Seen]:
    if not candidates:
        raise Ambiguous("no other container's processes can be seen")
    word = re.compile(rf"(?<!\d){port}(?!\d)")
    by_user = [members for members in candidates if any(process.uid in uids for process in members)]
    by_port = [
        members
        for members in by_user or candidates
        if any(word.search(" ".join(process.command)) for process in members)
    ]
    for found in (candidates, by_user, by_port):
        if len(found) == 1:
            return found[0]
    names = ", ".join(sorted(_name(_first(members)) for members in by_user or candidates))
    raise Ambiguous(f"{len(candidates)} containers' processes can be seen, and each may be it ({names})")


def _is_ours(members: Sequence[Seen], own: frozenset[int]) -> bool:
    """This sidecar, or another of ours: by the interpreter and the program that the container began with."""
    program = _first(members).command[:2]
    return any(process.pid in own for process in members) or any(part.endswith(_SIDECAR) for part in program)


def _is_pause(members: Sequence[Seen]) -> bool:
    return any(process.pid == 1 and _name(process) in _PAUSES for process in members)


def _first(members: Iterable[Seen]) -> Seen:
    return min(members, key=lambda process: (process.started, process.pid))


def _name(process: Seen) -> str:
    return PurePosixPath(process.command[0]).name if process.command else f"process {process.pid}"
