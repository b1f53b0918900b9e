"""The peer: Debian's Prometheus, scraping the `/metrics` of the same sidecars.

Its configuration is Prometheus' own default but for the interval, which is the operator's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import groupby
from pathlib import Path

import aiohttp
from bench.fleet.programs import Running, started
from bench.fleet.world import World
from e2e.cluster.errors import ClusterUnavailable
from e2e.prometheus import program

ADDRESS = "127.0.0.1:9090"
INTERVAL_SECONDS = 15


def fetched() -> None:
    """Bring the program, where there is a way to it; why there is none, `scraping` says."""
    with suppress(ClusterUnavailable):
        program()


def scraping(world: World, folder: Path) -> Running:
    """Start it.

    Raises:
        e2e.cluster.errors.ClusterUnavailable: it can't be had.
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


async def scrapes(session: aiohttp.ClientSession, seconds: float) -> float:
    """How many succeeded in the last so many seconds, by its own account."""
    query = {"query": f"sum(sum_over_time(up[{seconds:.0f}s]))"}
    async with session.get(f"http://{ADDRESS}/api/v1/query", params=query) as answer:
        answer.raise_for_status()
        found = (await answer.json())["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


def _targets(world: World) -> Iterable[object]:
    for (namespace, monitor), own in groupby(world.every_pod, lambda pod: (pod.namespace, pod.monitor)):
        labels = {"namespace": namespace, "monitor": monitor}
        yield {"targets": [f"{pod.address}:{pod.port}" for pod in own], "labels": labels}
