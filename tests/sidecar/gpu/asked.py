"""What tests of the GPU sampler use: a driver that answers as they say, and a process that asks it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import msgspec

from llmmonitor_api.report.gpus import GPU, GPUs

NOT_SUPPORTED, NO_PERMISSION, DRIVER_NOT_LOADED = 3, 4, 9
FUNCTION_NOT_FOUND = 13
LOST, RESET_REQUIRED, VERSION_MISMATCH, UNKNOWN = 15, 16, 18, 999
GIB = 1 << 30


class Driver:
    """A folder with the fake library, and its script."""

    def __init__(self, library: Path, script: Path) -> None:
        self.library = library
        self.script = script
        self.says("count 1")

    def says(self, *statements: str) -> None:
        """From now on, and nothing that was said before."""
        new = self.script.with_suffix(".new")
        new.write_text("".join(f"{one}\n" for one in statements))
        new.rename(self.script)

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_LIBRARY_PATH": str(self.library.parent), "FAKE_NVML": str(self.script)}


class Asked:
    """A process that samples; time is what the test says it is."""

    def __init__(self, environment: dict[str, str], requested: int | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sidecar.gpu.asked_process", json.dumps(requested)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=with_tests(environment),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._talk(self._process.stdin, self._process.stdout)

    def _talk(self, to: IO[str], back: IO[str]) -> None:
        self._to, self._back = to, back
        self.last: dict[str, Any] = {}

    def sample(self, at: float, pids: Iterable[int] = ()) -> GPUs:
        """In the asking thread itself."""
        found = self._ask(op="sample", at=at, pids=list(pids))
        assert found is not None
        return found

    def look(self, at: float) -> GPUs | None:
        """As the analyser looks, through the sampler's own thread."""
        return self._ask(op="look", at=at)

    def device(self, at: float, pids: Iterable[int] = ()) -> GPU:
        """The only one."""
        [device] = self.sample(at, pids).devices
        return device

    def end(self) -> None:
        self._to.close()
        try:
            code = self._process.wait(20)
        except subprocess.TimeoutExpired:  # it hangs with its driver: a failed test leaves nobody behind
            self._process.kill()
            raise
        finally:
            self._back.close()
        assert code == 0

    def _ask(self, **question: object) -> GPUs | None:
        print(json.dumps(question), file=self._to, flush=True)
        self.last = json.loads(self._back.readline())
        return None if self.last["gpus"] is None else msgspec.convert(self.last["gpus"], GPUs)


class Template:
    """A process that has imported all that one that samples needs, and forks one when asked for it."""

    def __init__(self, library: Path, folder: Path) -> None:
        """`library` is the fake library, `folder` has room for a socket."""
        self.path = str(folder / "asks")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sidecar.gpu.asked_template", self.path],
            stdout=subprocess.PIPE,
            env=with_tests({"LD_LIBRARY_PATH": str(library.parent)}),
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"listens\n"

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


class Forked(Asked):
    """The same, forked from a template."""

    def __init__(self, template: Template, script: Path, requested: int | None = None) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(100)
        self._socket.connect(template.path)
        self._talk(self._socket.makefile("w"), self._socket.makefile("r"))
        print(json.dumps({"script": str(script), "requested": requested}), file=self._to, flush=True)
        self._pid = int(self._back.readline())

    def end(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)
        self._socket.settimeout(20)
        try:
            code = int(self._back.readline())
        except TimeoutError:
            os.kill(self._pid, signal.SIGKILL)
            raise
        finally:
            for one in (self._to, self._back, self._socket):
                one.close()
        assert code == 0


def with_tests(environment: dict[str, str]) -> dict[str, str]:
    """Ours and this, for a process that shall find the tests' modules."""
    return {**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parents[3])}
