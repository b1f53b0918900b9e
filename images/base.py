"""What images are built on where no registry can be reached: Debian with Python, made by mmdebstrap.

Elsewhere the Dockerfiles' own default (python:3.13-slim) or any other image does: BASE names it. Only files
that images/root.py picks come from it, so that what else it holds does not matter.
"""

# ruff: noqa: T201 - a program that people run: it says what it does

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

SUITE = "trixie"
"""Has Python 3.13, as the default base."""
_PACKAGES = ("ca-certificates", "libgomp1", "libnftables1", "python3", "python3-venv")
NAME = f"{SUITE}-{hashlib.sha256(' '.join(_PACKAGES).encode()).hexdigest()[:8]}"
"""Another list of packages is another base."""
_TIMEOUT_SECONDS = 900


def make(cache: Path) -> Path:
    """The base as a tar file; made on first use, and anew when somebody deletes it (about 30 s)."""
    path = cache / f"base-{NAME}.tar"
    if path.exists():
        return path
    print(f"making a base image of Debian {SUITE}: about 30 s, once", flush=True)
    part = cache / "base.part.tar"
    how = ["--quiet", "--variant=minbase", f"--include={','.join(_PACKAGES)}"]
    subprocess.run(["mmdebstrap", *how, SUITE, part], check=True, timeout=_TIMEOUT_SECONDS)  # noqa: S603, S607
    part.rename(path)
    return path
