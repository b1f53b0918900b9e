"""Limits, use, throttling and OOM kills of the cgroup a process is in, versions 1 and 2, hybrids included.

A limit may stand at any level from the process's own cgroup up to the root (in Kubernetes: container, pod,
QoS class): the tightest one counts, and use is read where that limit stands. Where the process is outside of
our cgroup namespace (`/../..`) its files are not reachable, which is said as None, never guessed.
Kernel documentation: admin-guide/cgroup-v2 and cgroup-v1/memory, scheduler/sched-bwc.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

UNLIMITED_BYTES = 1 << 60
"""Version 1 spells "no limit" as the largest multiple of a page that fits in 63 bits."""
_FILE_BYTES_LIMIT = 64 * 1024
_LEVELS_LIMIT = 32


@dataclass(frozen=True, slots=True)
class Cgroup:
    """Where a process's controllers are: folders from its own cgroup up to the highest that can be seen."""

    cpu: tuple[Path, ...] = ()
    cpu_version: int = 2
    memory: tuple[Path, ...] = ()
    memory_version: int = 2
    io: tuple[Path, ...] = ()
    io_version: int = 2


@dataclass(frozen=True, slots=True)
class CgroupFigures:
    """What the files said; None where there is no such file or no limit."""

    cpu_limit_cores: float | None = None
    cpu_periods: int | None = None
    """CFS periods in which it wanted to run, and those of them in which it was throttled; cumulative."""
    cpu_throttled_periods: int | None = None
    memory_limit_bytes: int | None = None
    memory_used_bytes: int | None = None
    """Working set as the kubelet computes it: usage without inactive file pages."""
    memory_held_bytes: int | None = None
    """What cannot be reclaimed: usage without file pages, active or not (shared memory is none of these)."""
    oom_kills: int | None = None


def locate(pid: int, root: Path = Path("/")) -> Cgroup:
    """The cgroup of `pid` as this process can see it; `root` is where `proc` and the mount points are."""
    mounts = _mounts(text_of(root / "proc/self/mountinfo"))
    paths = _paths(text_of(root / f"proc/{pid}/cgroup"))
    cpu_version, cpu = _levels("cpu", mounts, paths, root)
    memory_version, memory = _levels("memory", mounts, paths, root)
    io_version, io = _levels("blkio", mounts, paths, root)
    return Cgroup(cpu, cpu_version, memory, memory_version, io, io_version)


def read(cgroup: Cgroup) -> CgroupFigures:
    """The figures of this moment."""
    quota, quota_at = _tightest(cgroup.cpu, _quota_v2 if cgroup.cpu_version == 2 else _quota_v1)  # noqa: PLR2004 - cgroup v2
    limit, limit_at = _tightest(cgroup.memory, _limit_v2 if cgroup.memory_version == 2 else _limit_v1)  # noqa: PLR2004 - cgroup v2
    cpu_stat = _table(quota_at / "cpu.stat") if quota_at else {}
    working_set, held = _memory(limit_at, cgroup.memory_version) if limit_at else (None, None)
    return CgroupFigures(
        cpu_limit_cores=quota,
        cpu_periods=cpu_stat.get("nr_periods"),
        cpu_throttled_periods=cpu_stat.get("nr_throttled"),
        memory_limit_bytes=None if limit is None else int(limit),
        memory_used_bytes=working_set,
        memory_held_bytes=held,
        oom_kills=_oom_kills(limit_at, cgroup.memory_version) if limit_at else None,
    )


def _mounts(mountinfo: str) -> dict[str, tuple[PurePosixPath, PurePosixPath]]:
    """By controller (`` for version 2): the mount's root inside the hierarchy, and where it is mounted."""
    found: dict[str, tuple[PurePosixPath, PurePosixPath]] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, kinds = left.split(), right.split()
        if len(fields) < 5 or len(kinds) < 3 or kinds[0] not in ("cgroup", "cgroup2"):  # noqa: PLR2004 - as proc(5) has it
            continue
        where = PurePosixPath(fields[3]), PurePosixPath(fields[4])
        for controller in [""] if kinds[0] == "cgroup2" else kinds[2].split(","):
            found.setdefault(controller, where)
    return found


def _paths(cgroup_file: str) -> dict[str, PurePosixPath]:
    """By controller (`` for version 2): the process's cgroup."""
    found = {}
    for line in cgroup_file.splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in [""] if hierarchy == "0" else controllers.split(","):
            found[controller] = PurePosixPath(path)
    return found


def _levels(
    controller: str,
    mounts: dict[str, tuple[PurePosixPath, PurePosixPath]],
    paths: dict[str, PurePosixPath],
    root: Path,
) -> tuple[int, tuple[Path, ...]]:
    version = 1 if controller in paths and controller in mounts else 2
    key = controller if version == 1 else ""
    if key not in mounts or key not in paths:
        return version, ()
    mount_root, mount_point = mounts[key]
    path = paths[key]
    if ".." in path.parts or not path.is_relative_to(mount_root) or not mount_point.is_absolute():
        return version, ()
    inside = path.relative_to(mount_root)
    top = root / mount_point.relative_to("/")
    levels = [top / inside, *(top / parent for parent in inside.parents)] if inside.parts else [top]
    return version, tuple(level for level in levels[:_LEVELS_LIMIT] if level.is_dir())


def _tightest(
    levels: tuple[Path, ...], limit: Callable[[Path], float | None]
) -> tuple[float | None, Path | None]:
    """The smallest limit and where it stands; without any, the process's own cgroup."""
    limits = [(value, level) for level in levels if (value := limit(level)) is not None]
    if limits:
        return min(limits, key=lambda found: found[0])
    return None, next(iter(levels), None)


def _quota_v2(level: Path) -> float | None:
    quota, _, period = text_of(level / "cpu.max").partition(" ")
    return _cores(quota, period)


def _quota_v1(level: Path) -> float | None:
    return _cores(text_of(level / "cpu.cfs_quota_us"), text_of(level / "cpu.cfs_period_us"))


def _cores(quota: str, period: str) -> float | None:
    microseconds, per = _integer(quota), _integer(period)
    return microseconds / per if microseconds is not None and microseconds > 0 and per else None


def _limit_v2(level: Path) -> float | None:
    return _limited(_integer(text_of(level / "memory.max")))


def _limit_v1(level: Path) -> float | None:
    return _limited(_integer(text_of(level / "memory.limit_in_bytes")))


def _limited(limit: int | None) -> int | None:
    return limit if limit is not None and limit < UNLIMITED_BYTES else None


def _memory(level: Path, version: int) -> tuple[int | None, int | None]:
    """The working set, and what of it is held."""
    usage_file, prefix = ("memory.usage_in_bytes", "total_") if version == 1 else ("memory.current", "")
    usage = _integer(text_of(level / usage_file))
    if usage is None:
        return None, None
    stat = _table(level / "memory.stat")
    working_set = max(0, usage - stat.get(f"{prefix}inactive_file", 0))
    return working_set, max(0, working_set - stat.get(f"{prefix}active_file", 0))


def _oom_kills(level: Path, version: int) -> int | None:
    return _table(level / ("memory.oom_control" if version == 1 else "memory.events")).get("oom_kill")


def _table(path: Path) -> dict[str, int]:
    return dict(_entries(text_of(path)))


def _entries(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        number = _integer(value)
        if number is not None:
            yield name, number


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def text_of(path: Path) -> str:
    """The text of a file; empty if it is not there, not ours to read, or its process has vanished."""
    try:
        with path.open("rb") as file:
            return file.read(_FILE_BYTES_LIMIT).decode(errors="replace")
    except OSError:
        return ""
