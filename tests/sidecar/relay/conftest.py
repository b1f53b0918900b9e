"""A real relay process in front of a model that the test plays itself, socket by socket."""

import contextlib
import os
import resource
import select
import signal
import socket
import struct
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from llmmonitor_sidecar.relay.process import run_relay
from llmmonitor_sidecar.settings import Mode, Settings
from llmmonitor_sidecar.shared_page import SharedPage, Slot
from llmmonitor_sidecar.tee import TeeChannel, TeeReceiver, TeeRecord, TeeSender

PATIENCE_SECONDS = 20.0
PATTERN = bytes(range(251)) * 1000  # of a length that fits no buffer
RESET = struct.pack("ii", 1, 0)


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Poll for something another process does; a generous limit, no claim about speed."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < give_up_at, f"never happened: {what}"
        time.sleep(0.002)


def fork(run: Callable[[], None]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # 3.12+: the test runner has threads, we need none
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            run()
            code = 0
        finally:
            os._exit(code)
    return pid


def close_all_but(*kept: int) -> None:
    """A forked child holds the test's sockets open; the relay's real parent has none."""
    for fd in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if fd > 2 and fd not in kept:
            with contextlib.suppress(OSError):
                os.close(fd)


@dataclass
class RunningRelay:
    pid: int
    page: SharedPage
    channel: TeeChannel
    records: list[TeeRecord] = field(default_factory=list)
    exit_code: int | None = None

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.page[Slot.LISTENING]

    @property
    def rss_bytes(self) -> int:
        """Private memory of the process: the ring it shares is counted by its capacity, not here."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))

    @property
    def cpu_seconds(self) -> float:
        fields = self._stat()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def state(self) -> str:
        """R, S, T for stopped, and so on."""
        return self._stat()[0]

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """The exit code (negative: the signal); waits for the end."""
        if self.exit_code is None:
            wait_until(self._ended, "the relay ends")
        assert self.exit_code is not None
        return self.exit_code

    def kill(self) -> None:
        if self.exit_code is None:
            self.signal(signal.SIGKILL)
            self.wait()

    def _stat(self) -> list[str]:
        stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        return stat.rpartition(")")[2].split()

    def _ended(self) -> bool:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.exit_code = os.waitstatus_to_exitcode(status)
        return bool(pid)


@dataclass
class Model:
    """The model's listening socket; the test accepts and answers."""

    listener: socket.socket

    @property
    def address(self) -> tuple[str, int]:
        address: tuple[str, int] = self.listener.getsockname()
        return address

    def accept(self) -> socket.socket:
        sock, _ = self.listener.accept()
        sock.settimeout(PATIENCE_SECONDS)
        return sock


StartRelay = Callable[..., RunningRelay]
Connect = Callable[[RunningRelay], tuple[socket.socket, socket.socket]]


@pytest.fixture
def model() -> Iterator[Model]:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        listener.settimeout(PATIENCE_SECONDS)
        yield Model(listener)


@pytest.fixture
def start_relay(model: Model) -> Iterator[StartRelay]:
    """Start a relay in front of the model; options: channel, page, grace_seconds, descriptors."""
    started: list[RunningRelay] = []

    def start(  # noqa: PLR0913 - each test names the one or two it is about
        channel: TeeChannel | None = None,
        *,
        page: SharedPage | None = None,
        grace_seconds: float = 5.0,
        descriptors: int | None = None,
        target: tuple[str, int] | None = None,
        listen_host: str = "127.0.0.1",
        listener: socket.socket | None = None,
    ) -> RunningRelay:
        page, channel = page or SharedPage(), channel or TeeChannel()
        host, port = target or model.address
        settings = Settings(
            mode=Mode.TRANSPARENT if listener else Mode.LISTEN,
            target_host=host,
            target_port=port,
            listen_host=listen_host,
            listen_port=0,
            stop_grace_seconds=grace_seconds,
        )
        page[Slot.ACCEPT_WANTED] = 1
        page[Slot.LISTENING] = 0

        def run() -> None:
            close_all_but(channel.wake_fd, -1 if listener is None else listener.fileno())
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
            run_relay(settings, page, TeeSender(channel), listener)

        relay = RunningRelay(fork(run), page, channel)
        started.append(relay)
        wait_until(lambda: page[Slot.LISTENING] > 0, "the relay listens")
        return relay

    yield start
    for relay in started:
        relay.kill()


@pytest.fixture
def connect(model: Model) -> Iterator[Connect]:
    """A client's socket to the relay and the model's socket of the same connection."""
    with contextlib.ExitStack() as sockets:

        def pair(relay: RunningRelay) -> tuple[socket.socket, socket.socket]:
            client = sockets.enter_context(socket.create_connection(relay.address, PATIENCE_SECONDS))
            return client, sockets.enter_context(model.accept())

        yield pair


@dataclass
class Tools:
    """What several files need; a fixture, for tests are no package."""

    wait_until: Callable[[Callable[[], bool], str], None] = wait_until
    fork: Callable[[Callable[[], None]], int] = fork

    @staticmethod
    def reset(sock: socket.socket) -> None:
        """Close with RST."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        sock.close()

    @staticmethod
    def fill(sock: socket.socket) -> bytes:
        """Send until nobody takes any more for a while; what was taken."""
        sock.settimeout(0)
        taken = 0
        while select.select([], [sock], [], 0.3)[1]:
            with contextlib.suppress(BlockingIOError):
                taken += sock.send(PATTERN[taken % 251 :])
        sock.settimeout(PATIENCE_SECONDS)
        return (PATTERN * (taken // len(PATTERN) + 1))[:taken]

    @staticmethod
    def receive(sock: socket.socket, size: int) -> bytes:
        """Exactly so many bytes."""
        received = bytearray()
        while len(received) < size:
            chunk = sock.recv(size - len(received))
            assert chunk, f"ended after {len(received)} of {size} bytes"
            received += chunk
        return bytes(received)

    @staticmethod
    def receive_until_eof(sock: socket.socket) -> bytes:
        return b"".join(iter(lambda: sock.recv(65536), b""))

    @staticmethod
    def read_until(receiver: TeeReceiver, enough: Callable[[list[TeeRecord]], bool]) -> list[TeeRecord]:
        """Read the tee until there is enough."""
        records: list[TeeRecord] = []
        while not enough(records):
            ready, _, _ = select.select([receiver], [], [], PATIENCE_SECONDS)
            assert ready, f"the tee fell silent after {len(records)} records"
            records += receiver.read()
        return records


@pytest.fixture
def tools() -> Tools:
    return Tools()
