"""CPU time of a changing set of processes, never going back although processes exit.

Two sums are lower bounds of the truth: what each process used by itself, last known figures of those that
exited included (misses what lived between two looks), and what the living ones and their waited-for children
used (misses children nobody waited for). The larger of them, never less than before, is one too. Within the
second, a parent has to be read before its children, or a child that ends in between would count twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ProcessKey = tuple[int, float]
"""Pid and creation time: pids are used again."""


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """CPU seconds of one process, user and system together."""

    own: float
    waited_for_children: float = 0.0


class CpuAccount:
    """Adds up; `update` with what is alive, parents before children."""

    def __init__(self) -> None:
        self._last: dict[ProcessKey, float] = {}
        self._exited = 0.0
        self._before_restart = 0.0
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        """CPU seconds so far."""
        return self._seconds

    def update(self, alive: Iterable[tuple[ProcessKey, CpuTimes]]) -> float:
        """Take note of everything that is alive; gives `seconds`."""
        now = dict(alive)
        self._exited += sum(last for key, last in self._last.items() if key not in now)
        self._last = {key: times.own for key, times in now.items()}
        by_themselves = self._exited + sum(self._last.values())
        with_children = sum(times.own + times.waited_for_children for times in now.values())
        self._seconds = max(self._seconds, self._before_restart + max(by_themselves, with_children))
        return self._seconds

    def restart(self) -> None:
        """All of them are gone, and others take their place: count on from here."""
        self._last = {}
        self._exited = 0.0
        self._before_restart = self._seconds
