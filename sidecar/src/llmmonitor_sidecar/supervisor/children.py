"""Child processes by fork: how they begin, and how they end.

Fork without exec, so that shared page, tee and listener are simply there, the interpreter's memory is shared,
and no capability needs to be handed over. The supervisor has one thread, which is what makes this safe.
"""

from __future__ import annotations

import dataclasses
import gc
import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

from llmmonitor_sidecar import linux

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Child:
    """A process we forked."""

    name: str
    pid: int
    started_ns: int

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; a vanished child is an ordinary outcome."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            _log.debug("%s is gone already", self.name)


@dataclasses.dataclass(frozen=True, slots=True)
class Death:
    """How a child ended."""

    pid: int
    exit_status: int
    """Negative: the signal that killed it."""


def start(name: str, entry: Callable[[], None], death_signal: signal.Signals) -> Child:
    """Fork; the child runs `entry` and gets `death_signal` when we die. Its signals are the default ones."""
    sys.stdout.flush()
    sys.stderr.flush()
    gc.freeze()  # the child's collector leaves our pages shared
    parent, started_ns = os.getpid(), time.monotonic_ns()
    pid = os.fork()
    if pid == 0:
        _run(name, entry, death_signal, parent)
    return Child(name, pid, started_ns)


def reap() -> list[Death]:
    """Children and adopted orphans that ended; does not wait."""
    deaths: list[Death] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return deaths
        if pid == 0:
            return deaths
        deaths.append(Death(pid, os.waitstatus_to_exitcode(status)))


def _run(name: str, entry: Callable[[], None], death_signal: signal.Signals, parent: int) -> NoReturn:
    """The child's whole life; never returns into the supervisor's code."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # Ctrl-C reaches the whole group; the supervisor stops us
        linux.die_with_parent(death_signal, parent)
        entry()
        status = 0
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else 1
    except BaseException:  # noqa: BLE001 - the last frame of a process: logged, and its status says so
        _log.exception("%s failed", name)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
