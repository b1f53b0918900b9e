"""`audit` says by status 1 that a chain is not whole: a pipe that was closed, or a full disk, must not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def written_to(descriptor: int) -> subprocess.CompletedProcess[str]:
    """A command that prints, added to the others."""
    program = (
        "from llmmonitor_cli import main\n"
        "main.app.command('shout')(lambda: main._print('x' * 99_999))\n"
        "main.app(['shout'])"
    )
    return subprocess.run(
        [sys.executable, "-c", program], stdout=descriptor, stderr=subprocess.PIPE, text=True, check=False
    )


def test_a_reader_that_is_gone() -> None:
    read, write = os.pipe()
    os.close(read)

    found = written_to(write)
    os.close(write)

    assert (found.returncode, found.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_disk_that_is_full() -> None:
    with Path("/dev/full").open("w") as full:
        found = written_to(full.fileno())

    assert found.returncode == 2
    assert (
        found.stderr == "llm-monitor: standard output cannot be written: [Errno 28] No space left on device\n"
    )
