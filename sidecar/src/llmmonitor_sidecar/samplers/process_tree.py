"""Reads a set of processes at once; who vanishes in between is left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import psutil

from llmmonitor_sidecar.samplers.cpu_account import CpuTimes, ProcessKey

PROCESSES_LIMIT = 512
"""Of one tree; those beyond are not looked at."""


@dataclass(slots=True)
class TreeFigures:
    """Sums over processes; zombies count for their CPU time only."""

    alive: int = 0
    threads: int = 0
    rss_bytes: int = 0
    """Resident sets added up: shared pages count once per process."""
    own_bytes: int = 0
    """What each has for itself, added up."""
    largest_shared_bytes: int = 0
    """The most that one of them shares with files, memory segments and other processes."""

    def charged_bytes(self, limit_bytes: int | None) -> int:
        """About what a memory limit counts: workers that map one model share it, and it counts once.

        Mapped pages are charged to whoever read them first, which may be another container: where with them
        it would be more than the limit lets there be, they are left out, and it is a lower bound.
        """
        charged = self.own_bytes + self.largest_shared_bytes
        return charged if limit_bytes is None or charged <= limit_bytes else self.own_bytes

    cpu: list[tuple[ProcessKey, CpuTimes]] = field(default_factory=list)


def walk(first: psutil.Process, not_these: frozenset[int]) -> list[psutil.Process]:
    """`first` and everything below it, parents before children; nothing if it is gone."""
    try:
        if not first.is_running() or first.status() == psutil.STATUS_ZOMBIE:
            return []
        below = first.children(recursive=True)
    except psutil.Error:
        return []
    return [first, *(process for process in below if process.pid not in not_these)][:PROCESSES_LIMIT]


def processes(pids: Iterable[int]) -> list[psutil.Process]:
    """Those of `pids` that exist."""
    found = []
    for pid in pids:
        try:
            found.append(psutil.Process(pid))
        except psutil.Error:
            continue
    return found


def read(tree: Iterable[psutil.Process]) -> TreeFigures:
    """What all of them take at this moment."""
    figures = TreeFigures()
    for process in tree:
        try:
            with process.oneshot():
                times = process.cpu_times()
                memory = process.memory_info()
                threads = process.num_threads()
                zombie = process.status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
        own = times.user + times.system
        waited_for = times.children_user + times.children_system
        figures.cpu.append(((process.pid, process.create_time()), CpuTimes(own, waited_for)))
        if not zombie:
            figures.alive += 1
            figures.threads += threads
            figures.rss_bytes += memory.rss
            figures.own_bytes += memory.rss - memory.shared
            figures.largest_shared_bytes = max(figures.largest_shared_bytes, memory.shared)
    return figures


def open_files(tree: Iterable[psutil.Process]) -> int | None:
    """Open file descriptors of those whose descriptors we may see; None if of none."""
    total = None
    for process in tree:
        try:
            total = (total or 0) + process.num_fds()
        except psutil.Error:
            continue
    return total
