"""What an attached sidecar adds to a request, and how long a client waits when it has to step aside.

Three states of one pod: the machine idle; the model's container busy while the sidecar may not step aside
(`maxAddedLatency: 1s`), which shows why it does; and busy with the default limit, once it has stepped aside.
In each round the same model is asked through the sidecar's port and past it in turns; what counts is the
round's ratio of its own p50 and p99.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.attached.programs import CLIENT, DIRECT_PORT, MODEL
from bench.comparison import AGAIN, Measured, Target
from bench.lifecycle.seen import Seen, added, against_limit
from bench.lifecycle.site import Site, monitor, until
from bench.measure.statistics import quantile
from bench.peers.registry import DIRECT
from e2e import model_pods, small_models
from e2e.kubectl import Kubectl, Refused
from e2e.model_pods import PORT

from llmmonitor_operator.kube import paths

ATTACHED = "attached"
IDLE, STARVED, ASIDE = "idle machine", "busy model, sidecar kept reading", "busy model, stepped aside"
QUANTILES = {"p50": 0.5, "p99": 0.99}
ASIDE_LIMIT = 1.05
ADDED_SECONDS = 0.005
"""The default of `interception.maxAddedLatency`."""
REQUESTS = 400
HOGS = 4
MODEL_POD = "model"
_MEASURED_SECONDS = 120
_READY_SECONDS = 180.0
_ASIDE_SECONDS = 120.0
_ASIDE_TRIES = 4
_PATIENT, _DEFAULT = "1s", "5ms"
_NOTE = "by round, less direct"


def name(quantile_name: str, state: str) -> str:
    """A figure's."""
    return f"request {quantile_name}, {state}"


async def collect(site: Site, within: Kubectl, rounds: int, requests: int, seen: Seen) -> None:
    """Attach, and measure in each state.

    Raises:
        WaitedInVain: the sidecar did not come to read, or did not step aside.
    """
    await asyncio.to_thread(within.apply, _model(site), model_pods.client(site.sidecar_image, MODEL_POD))
    wait = ("wait", "--for=condition=Ready", f"pod/{MODEL_POD}", "pod/client", "--timeout=120s")
    await asyncio.to_thread(within, *wait)
    await asyncio.to_thread(within.apply, _monitor(_PATIENT))
    await until(lambda: _reads(site, within), "the attached sidecar to read", _READY_SECONDS)
    await _rounds(within, IDLE, rounds, requests, seen)
    await _busy(within, HOGS)
    try:
        await asyncio.sleep(5.0)
        await _rounds(within, STARVED, rounds, max(20, requests // 10), seen)
        await asyncio.to_thread(within.apply, _monitor(_DEFAULT))
        for _ in range(rounds):
            await _round_aside(site, within, max(20, requests // 10), seen)
    finally:
        await _busy(within, 0)


def _model(site: Site) -> dict[str, Any]:
    container = {
        "name": small_models.CONTAINER,
        "image": site.sidecar_image,
        "imagePullPolicy": "IfNotPresent",
        "command": [model_pods.PYTHON, "-c", MODEL, str(PORT), str(DIRECT_PORT)],
        "ports": [{"containerPort": PORT, "name": "http"}, {"containerPort": DIRECT_PORT, "name": "direct"}],
        "resources": {"requests": {"cpu": "500m", "memory": "64Mi"}},
    }
    made = model_pods.pod(MODEL_POD, container)
    made["metadata"]["labels"]["app"] = MODEL_POD
    return made


def _monitor(max_added_latency: str) -> dict[str, Any]:
    made = monitor()
    made["spec"]["selector"] = {"matchLabels": {"app": MODEL_POD}}
    made["spec"]["interception"] = {"maxAddedLatency": max_added_latency}
    return made


async def _rounds(within: Kubectl, state: str, rounds: int, requests: int, seen: Seen) -> None:
    for _ in range(rounds):
        _take(await _measure(within, requests), state, seen)


async def _round_aside(site: Site, within: Kubectl, requests: int, seen: Seen) -> None:
    """One that lay wholly within a step-aside: the sidecar tries again from time to time."""
    for _ in range(_ASIDE_TRIES):
        await until(lambda: _stands_aside(site, within), "the sidecar to step aside", _ASIDE_SECONDS)
        took = await _measure(within, requests)
        if await _stands_aside(site, within):
            _take(took, ASIDE, seen)
            return
    seen.failures[f"{ASIDE}: it came back within each of {_ASIDE_TRIES} measurements"] += 1


async def _measure(within: Kubectl, requests: int) -> Mapping[str, Sequence[float]]:
    """Seconds of each request by subject; empty when the client failed."""
    address = str((await asyncio.to_thread(within.get, f"pod/{MODEL_POD}"))["status"]["podIP"])
    ports = (f"{ATTACHED}={PORT}", f"{DIRECT}={DIRECT_PORT}", f"{DIRECT}{AGAIN}={DIRECT_PORT}")
    command = ("exec", "client", "--", model_pods.PYTHON, "-c", CLIENT, address, str(requests), *ports)
    try:
        async with asyncio.timeout(_MEASURED_SECONDS):
            found: dict[str, list[float]] = json.loads(await asyncio.to_thread(within, *command))
    except (Refused, TimeoutError):
        return {}
    return found


def _take(took: Mapping[str, Sequence[float]], state: str, seen: Seen) -> None:
    for subject in (ATTACHED, DIRECT, f"{DIRECT}{AGAIN}"):
        for title, share in QUANTILES.items():
            seconds = quantile(took[subject], share) if subject in took else None
            seen.took(name(title, state), subject, seconds)


async def _busy(within: Kubectl, processes: int) -> None:
    path = f"/hog?{processes}" if processes else "/calm"
    ask = f"import urllib.request as u, sys; u.urlopen('http://'+sys.argv[1]+'{path}').read(); print('1')"
    address = str((await asyncio.to_thread(within.get, f"pod/{MODEL_POD}"))["status"]["podIP"])
    await asyncio.to_thread(model_pods.run, within, "client", ask, f"{address}:{DIRECT_PORT}")


async def _health(site: Site, within: Kubectl) -> Mapping[str, Any]:
    path = f"{paths.pod(str(within.namespace), MODEL_POD)}:{model_pods.API_PORT}/proxy/healthz"
    return await site.kube.get(path)


async def _reads(site: Site, within: Kubectl) -> bool:
    return bool((await _health(site, within)).get("reading"))


async def _stands_aside(site: Site, within: Kubectl) -> bool:
    return (await _health(site, within)).get("reason") in {"StarvedOfCPU", "RelayStalled"}


def figures(seen: Seen) -> list[Measured]:
    """Both quantiles in each state, and what is added to them on an idle machine."""
    found = []
    for state in (IDLE, STARVED, ASIDE):
        limit = ASIDE_LIMIT if state == ASIDE else None
        for title in QUANTILES:
            figure = name(title, state)
            values = seen.of(figure)
            found.append(Measured(figure, "s", values, [Target(ATTACHED, DIRECT, limit)]))
            if state == IDLE:
                more = {ATTACHED: added(values, ATTACHED, DIRECT)}
                found.append(against_limit(f"added to {figure}", more, [ATTACHED], ADDED_SECONDS, _NOTE))
    return found
