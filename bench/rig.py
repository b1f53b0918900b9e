"""The bench's own machinery: load program, model server and proxies, each on its core, and one run at a time.

With two or more cores the proxies have the first to themselves and load, server and this program share the
last; a sidecar's analyser shares its relay's core, as it would in a pod with one CPU.
"""

import collections
import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self, TypeVar

import msgspec
from bench.comparison import AGAIN
from bench.load.plan import Ended, Finished, Message, Plan, Started
from bench.measure import processes
from bench.peers.registry import DIRECT, PROXIES
from bench.peers.running import PeerUnavailableError, Place, Running

_IDLE_SHARE = 0.05
_SETTLE_SECONDS = 3.0
_THAW_SECONDS = 0.1
"""A sidecar notices that it was frozen and reads again within some of its supervisor's 100 ms passes."""
T = TypeVar("T")


class Run(msgspec.Struct, frozen=True):
    """What one run of load showed; CPU is that of the proxy's parts within the measured time."""

    finished: Finished
    seconds: float
    tokens: int
    cpu_seconds: dict[str, float]

    @property
    def cpu_total_seconds(self) -> float:
        """CPU of all parts."""
        return sum(self.cpu_seconds.values())


def cores() -> tuple[frozenset[int], frozenset[int]]:
    """The cores for the proxies and for load and server."""
    available = sorted(os.sched_getaffinity(0))
    return frozenset(available[:1]), frozenset(available[-1:])


class Rig:
    """Owns every process of a bench run; use as a context manager.

    Attributes:
        unavailable: why a subject could not be measured.
        others_cores: per run, how many cores programs that are not of the bench took meanwhile.
        failures: requests that failed, by proxy and error.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.proxy_cores, self._load_cores = cores()
        self._all_cores = os.sched_getaffinity(0)
        self._stack = contextlib.ExitStack()
        self._running: dict[str, Running] = {}
        self.unavailable: dict[str, str] = {}
        self.others_cores: list[float] = []
        self.failures: collections.Counter[tuple[str, str]] = collections.Counter()

    def __enter__(self) -> Self:
        os.sched_setaffinity(0, self._load_cores)
        self._stack.callback(os.sched_setaffinity, 0, self._all_cores)
        self._load = self._program("bench.load")
        assert self._load.stdout is not None  # noqa: S101 - opened with a pipe
        self.model_port = int(self._load.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        for running in self._running.values():
            running.stop()
        self._stack.close()

    def _program(self, module: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._stack.callback(_end, process)
        return process

    def start(self, name: str) -> Running:
        """A proxy of its own, not shared with other runs; the caller stops it.

        Raises:
            PeerUnavailableError: with the reason.
        """
        if name == DIRECT:
            return Running(DIRECT, self.model_port, None)
        return self.start_as(PROXIES[name].start, name)

    def start_as(self, start: Callable[[Place], T], name: str) -> T:
        """Start something that is not in the registry; the caller stops it.

        Raises:
            PeerUnavailableError: with the reason.
        """
        directory = self._directory / f"{name}-{time.monotonic_ns()}"
        directory.mkdir(parents=True)
        return start(Place(directory, self.model_port, self.proxy_cores))

    def proxy(self, name: str) -> Running:
        """The proxy that all runs share, started at first use and then frozen: see `thawed`.

        Raises:
            PeerUnavailableError: with the reason, also kept in `unavailable`.
        """
        name = name.removesuffix(AGAIN)
        if name in self.unavailable:
            raise PeerUnavailableError(self.unavailable[name])
        if name not in self._running:
            try:
                self._running[name] = self.start(name)
                self._running[name].freeze()
            except PeerUnavailableError as error:
                self.unavailable[name] = str(error)
                raise
        return self._running[name]

    @contextlib.contextmanager
    def thawed(self, name: str) -> Iterator[Running]:
        """A shared proxy for as long as it is measured; it is left only when it has worked everything off."""
        running = self.proxy(name)
        running.thaw()
        try:
            time.sleep(_THAW_SECONDS)
            yield running
            self.settle(running)
        finally:
            running.freeze()

    def available(self, names: Sequence[str]) -> list[str]:
        """Those of the subjects that start; the others are in `unavailable`."""
        found = []
        for name in names:
            with contextlib.suppress(PeerUnavailableError):
                self.proxy(name)
                found.append(name)
        return found

    def run(self, running: Running, plan: Plan, at_end: Callable[[], object] = lambda: None) -> Run:
        """Send the plan's load through the proxy; its host and port are filled in here.

        `at_end` is called at the end of the measured time, while long streams are still open.
        """
        assert self._load.stdin is not None  # noqa: S101 - opened with a pipe
        aimed = msgspec.structs.replace(plan, host="127.0.0.1", port=running.port)
        self._load.stdin.write(msgspec.json.encode(aimed) + b"\n")
        self._load.stdin.flush()
        begin, end = self._expect(Started), Ended(0, 0)
        before, others_before = _cpu(running), self._others_seconds(running)
        end = self._expect(Ended)
        after, others_after = _cpu(running), self._others_seconds(running)
        seconds = (end.at_ns - begin.at_ns) / 1e9
        self.others_cores.append((others_after - others_before) / seconds)
        at_end()
        finished = self._expect(Finished)
        used = {part: after[part] - before.get(part, 0.0) for part in after}
        self.failures.update((running.name, record.error) for record in finished.records if record.error)
        return Run(finished, seconds, end.tokens, used)

    def _others_seconds(self, running: Running) -> float:
        ours = [*running.pids(), self._load.pid, os.getpid()]
        return processes.busy_seconds() - processes.cpu_seconds(ours)

    def _expect(self, kind: type[T]) -> T:
        assert self._load.stdout is not None  # noqa: S101 - opened with a pipe
        line = self._load.stdout.readline()
        if not line:
            raise RuntimeError("the load program ended; its error is above")
        message: object = msgspec.json.decode(line, type=Message)
        if not isinstance(message, kind):
            raise TypeError(f"the load program said {type(message).__name__}, not {kind.__name__}")
        return message

    def settle(self, running: Running) -> None:
        """Wait, for some seconds at most, until a sidecar has worked off what it read."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < deadline:
            before = sum(_cpu(running).values())
            time.sleep(0.05)
            if sum(_cpu(running).values()) - before < 0.05 * _IDLE_SHARE:
                return

    def interleave(
        self, names: Sequence[str], rounds: int, measure: Callable[[Running], T]
    ) -> dict[str, list[T]]:
        """Measure every subject once per round, in a random order."""
        subjects = self.available(names)
        found: dict[str, list[T]] = {name: [] for name in subjects}
        for order in orders(subjects, rounds):
            for name in order:
                with self.thawed(name) as running:
                    found[name].append(measure(running))
        return found


def orders(names: Sequence[str], rounds: int, seed: int = 11) -> Iterator[list[str]]:
    """The subjects of each round in a random order of its own, so that none always follows the same other."""
    chance = random.Random(seed)
    for _ in range(rounds):
        yield chance.sample(names, len(names))


def _cpu(running: Running) -> dict[str, float]:
    return {part: processes.cpu_seconds(pids) for part, pids in running.parts().items()}


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
    if process.stdout is not None:
        process.stdout.close()
