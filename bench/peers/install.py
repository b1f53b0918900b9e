"""`python -m bench.peers.install [--aiperf]`: brings the peers, as far as they can be had; safe to run again.

nginx-light, haproxy and wrk come from Debian (only as root), Envoy and, when asked for, aiperf from PyPI by
their hashes, each into an environment of its own. What cannot be had is said and left out: the results then
show the reason in its row.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / ".cache" / "bench"
DEBIAN = {"nginx": "nginx-light", "haproxy": "haproxy", "wrk": "wrk"}
TIMEOUT_SECONDS = 600


def envoy_program() -> Path:
    """Where Envoy's own binary lies once installed."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return ENVIRONMENTS / "envoy" / "lib" / version / "site-packages" / "envoy" / "_bin" / "envoy"


def install(*, with_aiperf: bool = False) -> list[str]:
    """Bring what is missing; the reasons for what could not be brought."""
    problems = []
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    missing = [package for program, package in DEBIAN.items() if shutil.which(program, path=path) is None]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        problems += _run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing])
    elif missing:
        problems.append(f"{', '.join(missing)}: missing; installing needs root on Debian")
    if not envoy_program().exists():
        problems += _environment("envoy", "bench.txt")
    if with_aiperf and not (ENVIRONMENTS / "aiperf" / "bin" / "aiperf").exists():
        problems += _environment("aiperf", "bench-aiperf.txt")
    return problems


def _environment(name: str, locked: str) -> list[str]:
    own = Path(sys.executable).with_name("uv")
    uv = os.environ.get("UV") or (str(own) if own.exists() else "uv")
    home = ENVIRONMENTS / name
    home.parent.mkdir(parents=True, exist_ok=True)
    install = [uv, "pip", "install", "--quiet", "--python", str(home / "bin" / "python"), "--require-hashes"]
    return _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)]) or _run(
        [*install, "-r", str(ROOT / "requirements" / locked)]
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
    parser = argparse.ArgumentParser(prog="python -m bench.peers.install", description=__doc__)
    parser.add_argument(
        "--aiperf", action="store_true", help="also aiperf: 0.8 GB, for `--only peer-accuracy`"
    )
    for problem in install(with_aiperf=parser.parse_args().aiperf):
        print(problem, file=sys.stderr)
