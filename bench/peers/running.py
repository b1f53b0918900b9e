"""How every proxy under test is started, pinned to its core and waited for, and how it is stopped, by pid."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from bench.measure import processes

START_TIMEOUT_SECONDS = 20.0
STOP_TIMEOUT_SECONDS = 5.0


class PeerUnavailableError(Exception):
    """A peer cannot be had or does not start; the message is the reason that the results show."""


class Place(msgspec.Struct, frozen=True):
    """Where a proxy runs: a directory for its files, the model server's port, the cores it may use."""

    directory: Path
    model_port: int
    cores: frozenset[int]


class Running:
    """A started proxy: the port to send load to, and the processes that count as its own."""

    def __init__(self, name: str, port: int, process: subprocess.Popen[bytes] | None) -> None:
        self.name = name
        self.port = port
        self._process = process

    def pids(self) -> list[int]:
        """The proxy's processes, none for the direct path."""
        return processes.tree(self._process.pid) if self._process is not None else []

    def status(self) -> int | None:
        """The exit status of its first process; None while it runs, and for the direct path."""
        return self._process.poll() if self._process is not None else None

    def parts(self) -> dict[str, list[int]]:
        """The processes by the part they play; a peer is one part."""
        return {self.name: self.pids()}

    def freeze(self) -> None:
        """Stop its processes for a while (SIGSTOP): one that is not measured must not disturb the others."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        """Stop the proxy and wait until it is gone; what is left of its tree is killed."""
        if self._process is None:
            return
        family = self.pids()
        self.thaw()
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_SECONDS)
        for pid in family[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def launch(  # noqa: PLR0913, PLR0917 - what a process needs
    name: str,
    command: Sequence[str],
    port: int,
    place: Place,
    environment: Mapping[str, str] | None = None,
    kind: type[Running] = Running,
) -> Running:
    """Start `command` on the place's cores and wait until `port` accepts.

    Raises:
        PeerUnavailableError: the program is missing, exits, or does not listen in time; with its last words.
    """
    log = place.directory / f"{name}.log"
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, place.cores)  # inherited by the child; no preexec function needed
    try:
        with log.open("wb") as sink:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
            )
    except OSError as error:
        raise PeerUnavailableError(f"{name}: {command[0]} does not start: {error.strerror}") from error
    finally:
        os.sched_setaffinity(0, before)
    running = kind(name, port, process)
    try:
        wait_for(port, running)
    except PeerUnavailableError as error:
        running.stop()
        raise PeerUnavailableError(f"{error}: {_last_words(log)}") from error
    return running


def wait_for(port: int, running: Running) -> None:
    """Wait until a port of `running` accepts.

    Raises:
        PeerUnavailableError: the program exits or does not listen in time.
    """
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if (status := running.status()) is not None:
            raise PeerUnavailableError(f"{running.name}: exited with {status}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise PeerUnavailableError(f"{running.name}: not listening after {START_TIMEOUT_SECONDS:g} s")


def _last_words(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").strip().splitlines()[-3:])[-400:]
