"""pip's settings of this machine (index, proxy, certificates) for the pip that runs while an image is built.

They travel as build secrets, so that no layer keeps them; files that they name travel beside them.
"""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

_FILE_SETTINGS = {"cert": "ca.pem"}
"""Settings that name a file, and the secret that carries it."""
_KEPT = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout", "retries")


def settings() -> dict[str, str]:
    """What `pip config list` says; the environment's word counts over a file's."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own pip
    found: dict[str, str] = {}
    for line in sorted(said.stdout.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2]] = value.strip("'\"")
    return found


def secrets(folder: Path, found: dict[str, str]) -> dict[str, Path]:
    """Files to give to a build, by the secrets' names; the one that is written goes into `folder`."""
    kept = {name: value for name, value in found.items() if name in _KEPT}
    files = {
        secret: Path(found[name])
        for name, secret in _FILE_SETTINGS.items()
        if name in found and Path(found[name]).is_file()
    }
    kept |= {name: f"/run/secrets/{secret}" for name, secret in _FILE_SETTINGS.items() if secret in files}
    parser = configparser.RawConfigParser()
    parser["global"] = kept
    path = folder / "pip.conf"
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8") as output:
        parser.write(output)
    return {"pip.conf": path, **files}
