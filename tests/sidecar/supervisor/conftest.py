"""A pod to test in: two network namespaces and a cable, a model, a sidecar, and clients that count.

`loopback` needs no root; `pod` needs it. All names carry the pid, so that tests run beside one another. The
shared page is a file here, so that a test sees what the processes tell each other.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import dataclasses
import itertools
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from llmmonitor_cli.reserved_port import ReservedPort
from llmmonitor_sidecar.shared_page import SharedPage, Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
CLONE_NEWNET = 0x40000000
MODEL_PORT = 8000
_names = itertools.count()


def wait_until(what: Callable[[], object], seconds: float = 15.0) -> None:
    """Until another process has done something; nothing here tells us, so it is asked every 5 ms."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread makes its sockets in that network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as before, Path("/run/netns", namespace).open() as wanted:
        if libc.setns(wanted.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            libc.setns(before.fileno(), CLONE_NEWNET)


@dataclasses.dataclass(frozen=True)
class Client:
    """Connects to one address, from the namespace it lives in."""

    address: tuple[str, int]
    namespace: str = ""

    def connect(self, timeout: float = 5.0) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        with inside(self.namespace) if self.namespace else contextlib.nullcontext():
            sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        try:
            sock.connect(self.address)
        except OSError:
            sock.close()
            raise
        return sock

    def post(self, body: bytes, path: str = "/echo") -> bytes:
        """A new connection, one exchange; the body of the answer."""
        with self.connect() as sock:
            return exchange(sock, body, path)

    def refused(self) -> bool:
        try:
            self.connect().close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            return False
        return False


def exchange(sock: socket.socket, body: bytes, path: str = "/echo") -> bytes:
    """One exchange on a connection that stays open."""
    head = f"POST {path} HTTP/1.1\r\nhost: model\r\ncontent-length: {len(body)}\r\n\r\n"

    def send() -> None:
        with contextlib.suppress(OSError):  # reading the answer fails then, too
            sock.sendall(head.encode() + body)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        return read_answer(sock)
    finally:
        sender.join()


def read_answer(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    parts, have = [body], len(body)
    while have < length:
        parts.append(_some(sock))
        have += len(parts[-1])
    return b"".join(parts)


def _some(sock: socket.socket) -> bytes:
    data = sock.recv(1 << 20)
    if not data:
        raise ConnectionResetError("the other side ended within an answer")
    return data


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One connection of a `Load`, CLOCK_MONOTONIC seconds."""

    began: float
    error: str


class Load:
    """New connections all the time, from a few threads, at most 200 a second each."""

    def __init__(self, client: Client, threads: int = 3) -> None:
        self.attempts: list[Attempt] = []
        self._client = client
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def begun_after(self, moment: float) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.began > moment]

    def failed_after(self, moment: float) -> list[Attempt]:
        return [attempt for attempt in self.begun_after(moment) if attempt.error]

    def _run(self) -> None:
        while not self._over.wait(0.005):
            began, error = time.monotonic(), ""
            try:
                if self._client.post(b"hello") != b"hello":
                    error = "another answer"
            except OSError as problem:
                error = repr(problem)
            self.attempts.append(Attempt(began, error))


class Program:
    """A process of the test; ended with it."""

    def __init__(
        self, arguments: list[str], environment: dict[str, str] | None = None, log: Path | None = None
    ) -> None:
        self._log = (log or Path(os.devnull)).open("ab")
        self.process = subprocess.Popen(
            arguments, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log
        )
        self.pid = self.process.pid

    def end(self, number: signal.Signals = signal.SIGKILL, seconds: float = 20.0) -> int:
        self.process.send_signal(number)
        return self.wait(seconds)

    def children(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def kill_with_children(self) -> None:
        if self.process.returncode is None:
            for pid in (*self.children(), self.pid):
                os.kill(pid, signal.SIGKILL)
            self.wait()

    def wait(self, seconds: float = 20.0) -> int:
        status = self.process.wait(seconds)
        self._log.close()
        if self.process.stdout:
            self.process.stdout.close()
        return status


class Sidecar(Program):
    """A sidecar: supervisor, relay, analyser; and its page."""

    def __init__(
        self, folder: Path, prefix: list[str], environment: dict[str, str], script: str = "sidecar_process.py"
    ) -> None:
        number = next(_names)
        files = [folder / f"{name}{number}" for name in ("page", "records", "log")]
        page, self._records, self._log_path = files
        page.write_bytes(bytes(mmap.PAGESIZE))
        self._records.touch()
        self.page = SharedPage()
        with page.open("r+b") as file:
            self.page._map = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self.page._words = memoryview(self.page._map).cast("Q")
        command = [*prefix, sys.executable, str(HERE / script), str(page), str(self._records)]
        environment = {f"LLM_MONITOR_{name}": value for name, value in environment.items()}
        super().__init__(command, {**os.environ, **environment}, self._log_path)

    @property
    def relay_pid(self) -> int:
        return self.page[Slot.RELAY_PID]

    @property
    def log(self) -> str:
        return self._log_path.read_text()

    def wait_until_reading(self, seconds: float = 15.0) -> None:
        wait_until(lambda: self.page[Slot.ARMED] and self.page[Slot.LISTENING], seconds)

    def copies(self, direction: int) -> bytes:
        """All bytes the tee brought, in this direction."""
        whole = self._records.read_text().rpartition("\n")[0]  # the last line may be written just now
        records = [json.loads(line) for line in whole.splitlines()]
        return b"".join(
            base64.b64decode(record[3]) for record in records if record[0] == 2 and record[2] == direction
        )


class Place:
    """Where a test's programs run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs: list[Program] = []
        self.prefix: list[str] = []

    def start_model(self, host: str = "::", port: int = MODEL_PORT) -> Program:
        """A model server that listens already."""
        model = Program([*self.prefix, sys.executable, str(HERE / "model_server.py"), host, str(port)])
        self._programs.append(model)
        assert model.process.stdout
        model.process.stdout.readline()
        return model

    def start_sidecar(self, prefix: tuple[str, ...] = (), **settings: str) -> Sidecar:
        environment = {
            "MAX_ADDED_LATENCY": "2s",
            "STOP_GRACE": "5s",
            **settings,
        }  # a busy machine is no failure
        sidecar = Sidecar(self._folder, [*self.prefix, *prefix], environment)
        self._programs.append(sidecar)
        return sidecar

    def close(self) -> None:
        for program in self._programs:
            program.kill_with_children()


class Pod(Place):
    """A pod's network namespace, a client's, and the cable between them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        number = f"{os.getpid()}x{next(_names)}"
        self.namespace, self.outside = f"llmpod{number}", f"llmout{number}"
        self.prefix = ["nsenter", f"--net=/run/netns/{self.namespace}"]
        self.ipv4 = Client(("10.77.0.1", MODEL_PORT), self.outside)
        self.ipv6 = Client(("fd77::1", MODEL_PORT), self.outside)
        self.within = Client(("127.0.0.1", MODEL_PORT), self.namespace)
        for namespace in (self.namespace, self.outside):
            subprocess.check_call(["ip", "netns", "add", namespace])
            subprocess.check_call(["ip", "-n", namespace, "link", "set", "lo", "up"])
        cable = ["type", "veth", "peer", "name", "eth0", "netns", self.outside]
        subprocess.check_call(["ip", "link", "add", "eth0", "netns", self.namespace, *cable])
        for namespace, end in ((self.namespace, 1), (self.outside, 2)):
            for address in (f"10.77.0.{end}/24", f"fd77::{end}/64"):
                nodad = ["nodad"] if ":" in address else []
                subprocess.check_call(["ip", "-n", namespace, "addr", "add", address, "dev", "eth0", *nodad])
            subprocess.check_call(["ip", "-n", namespace, "link", "set", "eth0", "up"])

    def start_sidecar(self, prefix: tuple[str, ...] = (), **settings: str) -> Sidecar:
        return super().start_sidecar(
            prefix, **{"MODE": "transparent", "TARGET_PORT": str(MODEL_PORT), **settings}
        )

    def rules(self) -> str:
        return subprocess.check_output([*self.prefix, "nft", "list", "ruleset"], text=True)

    def close(self) -> None:
        super().close()
        for namespace in (self.namespace, self.outside):
            subprocess.check_call(["ip", "netns", "del", namespace])


class Loopback(Place):
    """Listen mode on this machine's loopback, without any capability."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
        self._reserved = tuple(ReservedPort() for _ in range(3))
        self.model_port, self.listen_port, self.api_port = (one.number for one in self._reserved)
        self.client = Client(("127.0.0.1", self.listen_port))
        self.direct = Client(("127.0.0.1", self.model_port))

    def start_model(self, host: str = "127.0.0.1", port: int = 0) -> Program:
        return super().start_model(host, port or self.model_port)

    def start_sidecar(self, prefix: tuple[str, ...] = (), **settings: str) -> Sidecar:
        ports = {"TARGET": self.model_port, "LISTEN": self.listen_port, "API": self.api_port}
        environment = {"MODE": "listen", **{f"{name}_PORT": str(port) for name, port in ports.items()}}
        return super().start_sidecar(prefix, **{**environment, **settings})

    def close(self) -> None:
        super().close()
        for one in self._reserved:
            one.free()


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    if os.geteuid() != 0:
        pytest.skip("needs root: makes network namespaces")
    place = Pod(tmp_path)
    yield place
    place.close()


@pytest.fixture
def loopback(tmp_path: Path) -> Iterator[Loopback]:
    place = Loopback(tmp_path)
    yield place
    place.close()
