"""The peer: Debian's Prometheus, scraping the `/metrics` of the same sidecars.

Its package is unpacked and not installed: no service is started, no user is made, and no root is needed. The
configuration is Prometheus' own default but for the interval, which is the operator's.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from bench.fleet.programs import Running, started
from bench.fleet.world import World

ROOT = Path(__file__).resolve().parents[2]
UNPACKED = ROOT / ".cache" / "bench" / "prometheus"
ADDRESS = "127.0.0.1:9090"
INTERVAL_SECONDS = 15
_TIMEOUT_SECONDS = 300
_PACKAGE = "prometheus"


class Unavailable(Exception):
    """It can't be had; the message says why."""


def program() -> Path:
    """The program; fetched on first use.

    Raises:
        Unavailable: this is no Debian, or its archive does not answer.
    """
    found = UNPACKED / "usr" / "bin" / "prometheus"
    if found.exists():
        return found
    UNPACKED.mkdir(parents=True, exist_ok=True)
    try:
        _run(["apt-get", "download", "-q", _PACKAGE])
        [package] = UNPACKED.glob(f"{_PACKAGE}_*.deb")
        _run(["dpkg-deb", "--extract", str(package), str(UNPACKED)])
        package.unlink()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Unavailable(f"Debian's package {_PACKAGE} was not to be had: {error}") from error
    return found


def scraping(world: World, folder: Path) -> Running:
    """Start it.

    Raises:
        Unavailable: it can't be had.
    """
    command = [str(program())]
    folder.mkdir(parents=True, exist_ok=True)
    targets, configuration = folder / "targets.json", folder / "prometheus.json"
    targets.write_text(json.dumps(list(_targets(world))))
    configuration.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": f"{INTERVAL_SECONDS}s", "scrape_timeout": "10s"},
                "scrape_configs": [{"job_name": "sidecars", "file_sd_configs": [{"files": [str(targets)]}]}],
            }
        )
    )
    command += [
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={ADDRESS}",
    ]
    return started("prometheus", command, folder)


def _targets(world: World) -> Iterable[object]:
    for (namespace, monitor), own in groupby(world.every_pod, lambda pod: (pod.namespace, pod.monitor)):
        labels = {"namespace": namespace, "monitor": monitor}
        yield {"targets": [f"{pod.address}:{pod.port}" for pod in own], "labels": labels}


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=UNPACKED, check=True, capture_output=True, timeout=_TIMEOUT_SECONDS)
