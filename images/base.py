"""What images are built on where no registry can be reached: Debian with Python, made by mmdebstrap.

Elsewhere the Dockerfiles' own default (python:3.13-slim) or any other image does: BASE names it. Only files
that images/root.py picks come from it, so that what else it holds does not matter.

It is called by the versions of all its packages. So another Python is another base, and what is built on it
has another tag; and one made anew that has nothing new changes nothing.
"""

# ruff: noqa: T201 - a program that people run: it says what it does

from __future__ import annotations

import hashlib
import re
import subprocess
import tarfile
from pathlib import Path

SUITE = "trixie"
"""Has Python 3.13, as the default base."""
_PACKAGES = ("ca-certificates", "libgomp1", "libnftables1", "python3", "python3-venv")
_LIST = hashlib.sha256(" ".join(_PACKAGES).encode()).hexdigest()[:8]
"""Another list of packages is another base."""
_TIMEOUT_SECONDS = 900
_STATUS = "./var/lib/dpkg/status"


def bring(cache: Path, *, renew: bool = False) -> tuple[str, Path]:
    """The base as a tar file, and what it is called; made on first use and when asked for (about 30 s)."""
    there = sorted(cache.glob(f"base-{SUITE}-{_LIST}-*.tar"), key=lambda path: path.stat().st_mtime)
    if there and not renew:
        return _name(there[-1]), there[-1]
    print(f"making a base image of Debian {SUITE}: about 30 s", flush=True)
    part = cache / "base.part.tar"
    how = ["--quiet", "--variant=minbase", f"--include={','.join(_PACKAGES)}"]
    subprocess.run(["mmdebstrap", *how, SUITE, part], check=True, timeout=_TIMEOUT_SECONDS)  # noqa: S603, S607
    made = cache / f"base-{SUITE}-{_LIST}-{versions(part)}.tar"
    part.rename(made)
    for older in there:
        if older != made:
            older.unlink()
    return _name(made), made


def versions(tar: Path) -> str:
    """A hash of what dpkg says is installed, and in which versions."""
    with tarfile.open(tar) as files:
        status = files.extractfile(_STATUS)
        text = status.read().decode() if status else ""
    found = re.findall(r"^Package: (\S+)$.*?^Version: (\S+)$", text, re.MULTILINE | re.DOTALL)
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()[:8]


def _name(tar: Path) -> str:
    return tar.stem.removeprefix("base-")
