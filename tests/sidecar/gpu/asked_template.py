"""Forks processes that sample GPUs: to import what they need takes far longer than most of them live.

It never loads NVML's library itself, nor has it threads: a fork is as a process that has just begun. Whoever
connects to its socket says what to ask, is told the process and asks it, as `asked.Forked` does; once that
has ended with all that it began, its exit code is told.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

import pynvml  # noqa: F401 - as the first sample does, which then loads the library
from tests.sidecar.gpu.asked_process import answer_all


def main() -> None:
    """Until it is killed; in a fork, until its questions end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who ends is not waited for
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen()
    print("listens", flush=True)  # noqa: T201 - to the test
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            break
        connection.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection, connection.makefile("r") as questions, connection.makefile("w") as to:
        asked = json.loads(questions.readline())
        if pid := os.fork():
            print(pid, file=to, flush=True)
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=to, flush=True)
        else:
            os.environ["FAKE_NVML"] = asked["script"]
            answer_all(questions, to, asked["requested"])


if __name__ == "__main__":
    main()
