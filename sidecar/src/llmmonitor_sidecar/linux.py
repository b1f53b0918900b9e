"""Facts of the Linux kernel that Python has no words for: capabilities, prctl, scheduling, addresses.

One file for them, so that everything else reads like Python. Sources: capabilities(7), prctl(2), proc(5),
capset(2), Documentation/scheduler/sched-stats. A vanished process is an ordinary outcome: None.
"""

from __future__ import annotations

import ctypes
import dataclasses
import mmap
import os
import signal
import socket
from pathlib import Path

CAP_NET_ADMIN = 12

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

SOL_IP = 0
IP_TRANSPARENT = 19
SOL_IPV6 = 41
IPV6_TRANSPARENT = 75

OOM_SCORE_HIGHEST = 1000

_SCHEDSTAT_BYTES = 128  # three decimal numbers
_CAPABILITY_VERSION_3 = 0x20080522
_CAPABILITY_BITS_A_WORD = 32


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityWord(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class ScheduleStatistics:
    """What the scheduler counted for one task since its start (`/proc/PID/schedstat`)."""

    run_ns: int
    wait_ns: int
    """Runnable and waiting for a CPU, up to the last time it got one."""
    slices: int
    """How often it got a CPU."""


def capabilities() -> frozenset[int]:
    """Numbers of this process's effective capabilities."""
    words = (_CapabilityWord * 2)()
    _call("capget", ctypes.byref(_CapabilityHeader(_CAPABILITY_VERSION_3, 0)), words)
    return frozenset(
        index * _CAPABILITY_BITS_A_WORD + bit
        for index, word in enumerate(words)
        for bit in range(_CAPABILITY_BITS_A_WORD)
        if word.effective >> bit & 1
    )


def keep_only_capabilities(kept: frozenset[int]) -> None:
    """Make `kept` this process's effective and permitted capabilities, and none inheritable.

    Ambient ones follow by themselves: they cannot outlast the inheritable set.

    Raises:
        OSError: EPERM when one of them is not permitted now.
    """
    words = (_CapabilityWord * 2)()
    for capability in kept:
        index, bit = divmod(capability, _CAPABILITY_BITS_A_WORD)
        words[index].effective |= 1 << bit
        words[index].permitted |= 1 << bit
    _call("capset", ctypes.byref(_CapabilityHeader(_CAPABILITY_VERSION_3, 0)), words)


def keep_capabilities_over_setuid() -> None:
    """Permitted capabilities outlast the next change from root to another uid (not the effective ones)."""
    _prctl(PR_SET_KEEPCAPS, 1)


def forbid_new_privileges() -> None:
    """No program that this process or a descendant starts gains anything by it."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def adopt_orphans() -> None:
    """Descendants whose parent died become our children, also where we are not pid 1."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(number: signal.Signals, parent_pid: int) -> None:
    """Get signal `number` when the parent's forking thread ends; at once if it ended already.

    A change of uid or capabilities clears it: call it last.
    """
    _prctl(PR_SET_PDEATHSIG, int(number))
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), number)


def offer_to_oom_killer() -> None:
    """Let the kernel take us before the model when memory runs out; inherited by children.

    Raises:
        OSError: when /proc/self is not ours to write (after leaving root), or read-only.
    """
    Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE_HIGHEST))


def schedule_statistics(pid: int, thread: int | None = None) -> ScheduleStatistics | None:
    """The scheduler's counters of a process's thread; None when it is gone or the kernel has none.

    Without `thread`, of its main thread.
    """
    path = f"/proc/{pid}/schedstat" if thread is None else f"/proc/{pid}/task/{thread}/schedstat"
    try:
        file = os.open(path, os.O_RDONLY)  # ten times a second: pathlib would cost more
        try:
            fields = os.read(file, _SCHEDSTAT_BYTES).split()
        finally:
            os.close(file)
    except OSError:
        return None
    return ScheduleStatistics(int(fields[0]), int(fields[1]), int(fields[2]))


def anonymous_bytes(pid: int) -> int:
    """A process's resident memory that no file and no shared mapping backs; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_bytes().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * mmap.PAGESIZE


def socket_inodes(pid: int) -> frozenset[int] | None:
    """Inode numbers of the sockets that a process holds; None when it is gone or not ours to look into."""
    inodes = set()
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                try:
                    link = str(Path(entry.path).readlink())
                except FileNotFoundError:
                    continue
                if link.startswith("socket:["):
                    inodes.add(int(link[8:-1]))
    except OSError:
        return None
    return frozenset(inodes)


def is_local_address(address: str) -> bool:
    """Whether IP `address` belongs to this network namespace: only then can it be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))


def _call(function: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")
