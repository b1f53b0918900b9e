"""The operator's own process, started as its pod starts it, and what it says of itself."""

from __future__ import annotations

from pathlib import Path

import aiohttp
from bench.fleet.control_plane import ControlPlane
from bench.fleet.operator_image import OperatorImage
from bench.fleet.programs import Running, started
from bench.fleet.site import RELEASE, SIDECAR
from prometheus_client.parser import text_string_to_metric_families

ACCOUNT = f"{RELEASE}-operator"
PORT = 8080
PASSES = "llm_monitor_operator_pass_seconds"
EVALUATED = "llm_monitor_last_evaluation_timestamp_seconds"
_PREFIX = "LLM_MONITOR_OPERATOR_"
_TIMEOUT = aiohttp.ClientTimeout(total=30)

Samples = dict[str, list[tuple[dict[str, str], float]]]
"""By name: labels and value."""


def running(plane: ControlPlane, image: OperatorImage, logs: Path, rest: str) -> Running:
    """Start it with the rights of its ServiceAccount. Args: rest: the chart's `operator.rest`."""
    settings = {
        "NAMESPACE": RELEASE,
        "NAME": RELEASE,
        "POD_NAME": "operator-of-the-bench",
        "SIDECAR_IMAGE": SIDECAR.image,
        "CERTIFICATES": "CertManager",
        "PORT": str(PORT),
        "REST": rest,
    }
    environment = {f"{_PREFIX}{name}": value for name, value in settings.items()}
    environment["KUBECONFIG"] = image.given(plane.kubeconfig_of(RELEASE, ACCOUNT))
    return started("operator", image.command("run"), logs, environment)


async def metrics(session: aiohttp.ClientSession) -> Samples:
    """What counts here of its `/metrics`."""
    async with session.get(f"http://127.0.0.1:{PORT}/metrics", timeout=_TIMEOUT) as answer:
        text = await answer.text()
    found: Samples = {}
    lines = (line for line in text.splitlines() if line.startswith((PASSES, EVALUATED)))
    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def total(samples: Samples, name: str) -> float:
    """The sum of a metric's series."""
    return sum(number for _, number in samples.get(name, ()))
