"""A cluster for one run of the tests, by its own program, whose output is the caller's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[1]
UNAVAILABLE = 3
"""How `python -m e2e.cluster` says that this machine can't have one."""


def put_up() -> int:
    """Put one up, of two nodes; 0, or as `python -m e2e.cluster` says why not."""
    command = [sys.executable, "-m", "e2e.cluster", "up", "--nodes", "2"]
    return subprocess.run(command, cwd=_ROOT, check=False).returncode
