"""The bench's own programs: each in the background with its output in a file, none outlives the bench.

The kernel ends them with us (PR_SET_PDEATHSIG), so a bench that is killed leaves nothing running.
"""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_STOP_SECONDS = 30.0
_TAIL_LINES = 25


class Ended(Exception):
    """A program is not there any more; the message has the end of its output."""


@dataclass(frozen=True, slots=True)
class Running:
    """A program that was started."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Of the program itself: what starts it is replaced by it."""
        return self.process.pid

    def check(self) -> None:
        """Nothing while it runs.

        Raises:
            Ended: it does not.
        """
        if self.process.poll() is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
            raise Ended(f"{self.name} ended with {self.process.returncode}:\n{tail}")


def started(
    name: str, command: Sequence[str], logs: Path, environment: Mapping[str, str] | None = None
) -> Running:
    """Start `command` with `environment` beside PATH and HOME."""
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{name}.log"
    inherited = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    # ten thousand connections: as many files as we may give
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limited = ["prlimit", f"--nofile={files}:{files}", "setpriv", "--pdeathsig=KILL", "--"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*limited, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**inherited, **(environment or {})},
        )
    return Running(name, process, log)


def stopped(programs: Iterable[Running]) -> None:
    """End them, the last one started first."""
    for program in reversed(list(programs)):
        program.process.terminate()
        try:
            program.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            program.process.kill()
            program.process.wait()
