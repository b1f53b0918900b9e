"""What is done while operator and Prometheus run: minutes with traffic and without, changes, merged p99s."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
from bench.fleet import asked, prometheus, site, watched_operator
from bench.fleet.control_plane import ControlPlane
from bench.fleet.fleet_client import Sidecars
from bench.fleet.programs import Running
from bench.fleet.seen import OPERATOR, PROMETHEUS, Round
from bench.fleet.world import World
from bench.measure.processes import cpu_seconds, pss_bytes
from e2e.cluster import audit

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube

INTERVAL_SECONDS = 15.0
"""The operator's default, and Prometheus' setting."""
STATUS_SECONDS = 60.0
"""Figures are written at most so often."""
_CHANGE_SECONDS = 60.0
_READY_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that runs."""

    world: World
    plane: ControlPlane
    kube: Kube
    session: aiohttp.ClientSession
    sidecars: Sidecars
    measured: dict[str, Running]
    """By subject."""

    def check(self) -> None:
        """Nothing while all of it runs.

        Raises:
            Ended: something does not.
        """
        for program in (*self.plane.daemons, *self.measured.values()):
            program.check()


@dataclass(frozen=True, slots=True)
class Change:
    """How long it took until changed monitors' sidecars had what was changed."""

    pods: int
    seconds: float
    """From when the API server had taken a monitor's change to its last sidecar, of the slowest monitor."""
    taking_seconds: float
    """Until the API server had taken all changes, which come some at a time."""


async def all_report(bench: Bench) -> float:
    """Seconds until every monitor's status says that all its pods report.

    Raises:
        TimeoutError: not within a quarter of an hour.
    """
    began = time.monotonic()
    async with asyncio.timeout(_READY_SECONDS):
        while True:
            bench.check()
            reporting = 0
            for one in (await bench.kube.list(paths.monitors())).items:
                reporting += ((one.get("status") or {}).get("pods") or {}).get("reporting", 0)
            if reporting >= len(bench.world.every_pod):
                return time.monotonic() - began
            say(f"{reporting} of {len(bench.world.every_pod)} pods report")
            await asyncio.sleep(5)


async def round_of_prometheus(bench: Bench, seconds: float) -> Round:
    """Look at it for so long; the operator does not run."""
    bench.check()
    program = bench.measured[PROMETHEUS]
    began, cpu = time.time(), cpu_seconds([program.pid])
    await asyncio.sleep(seconds)
    elapsed = time.time() - began
    scrapes = await prometheus.scrapes(bench.session, seconds)
    found = Round(
        cores={PROMETHEUS: (cpu_seconds([program.pid]) - cpu) / elapsed},
        rss_mib={PROMETHEUS: psutil.Process(program.pid).memory_info().rss / 2**20},
        pss_mib={PROMETHEUS: pss_bytes([program.pid]) / 2**20},
        scrapes=scrapes / len(bench.world.every_pod) * INTERVAL_SECONDS / seconds,
    )
    say(
        f"cores {_rounded(found.cores)}, RSS {_rounded(found.rss_mib)} MiB, scrapes {found.scrapes:.3f},"
        f" load {os.getloadavg()[0]:.1f}"
    )
    return found


async def one_round(bench: Bench, seconds: float) -> Round:
    """Look at the operator for so long."""
    bench.check()
    pids = {subject: [program.pid] for subject, program in bench.measured.items()}
    state = await bench.sidecars.state()
    passes = await watched_operator.metrics(bench.session)
    began, cpu = time.time(), {subject: cpu_seconds(found) for subject, found in pids.items()}
    await asyncio.sleep(seconds)
    ended = time.time()
    used = {subject: cpu_seconds(found) - cpu[subject] for subject, found in pids.items()}
    elapsed, monitors = ended - began, bench.world.monitors
    after = await bench.sidecars.state()
    before_scrape = cpu_seconds(pids[OPERATOR])
    passed = await watched_operator.metrics(bench.session)
    scraped = cpu_seconds(pids[OPERATOR]) - before_scrape
    calls = asked.calls(audit.requests(bench.plane.layout.audit_log), began, ended)
    statuses = sum(count for (_, resource), count in calls.items() if resource == asked.STATUS)
    evaluated = [at for _, at in passed.get(watched_operator.EVALUATED, ())]
    number, spent = (
        watched_operator.total(passed, f"{watched_operator.PASSES}_{what}")
        - watched_operator.total(passes, f"{watched_operator.PASSES}_{what}")
        for what in ("count", "sum")
    )
    found = Round(
        cores={subject: seconds / elapsed for subject, seconds in used.items()},
        rss_mib={subject: psutil.Process(of[0]).memory_info().rss / 2**20 for subject, of in pids.items()},
        pss_mib={subject: pss_bytes(of) / 2**20 for subject, of in pids.items()},
        status_writes=statuses / monitors * 60 / elapsed,
        writes=asked.writes(calls) * 60 / elapsed,
        reports=(after.reports - state.reports) / len(bench.world.every_pod) * INTERVAL_SECONDS / elapsed,
        pass_milliseconds=1000 * spent / number if number else 0.0,
        oldest_evaluation_seconds=ended - min(evaluated, default=ended),
        scrape_cpu_seconds=scraped,
    )
    say(
        f"cores {_rounded(found.cores)}, RSS {_rounded(found.rss_mib)} MiB, reports {found.reports:.3f},"
        f" pass {found.pass_milliseconds:.1f} ms, status writes {found.status_writes:.2f},"
        f" scrape {found.scrape_cpu_seconds:.2f} s of CPU, load {os.getloadavg()[0]:.1f}"
    )
    return found


async def changed(bench: Bench, monitors: Sequence[tuple[str, str]], threshold: str) -> Change:
    """Give some monitors another objective, and wait until their last sidecar has it.

    Raises:
        TimeoutError: not within a minute.
    """
    wanted = set(monitors)
    pods = [pod for pod in bench.world.every_pod if (pod.namespace, pod.monitor) in wanted]
    before = (await bench.sidecars.state()).generations
    began = time.time()
    taken = await site.change(bench.kube, monitors, threshold)
    async with asyncio.timeout(_CHANGE_SECONDS):
        while True:
            bench.check()
            state = await bench.sidecars.state()
            if all(state.generations[pod.number] > before[pod.number] for pod in pods):
                break
            await asyncio.sleep(0.5)
    after = [state.taken_at[pod.number] - taken[pod.namespace, pod.monitor] for pod in pods]
    return Change(len(pods), max(after), max(taken.values()) - began)


async def first_token_errors(bench: Bench) -> list[float]:
    """Percent by which `status.performance` is off, for every monitor that served; the traffic must rest."""
    truth = await bench.sidecars.truth()
    errors = []
    for one in (await bench.kube.list(paths.monitors())).items:
        values = truth.get(one["metadata"]["name"], [])
        performance = (one.get("status") or {}).get("performance") or {}
        said = (performance.get("timeToFirstTokenSeconds") or {}).get("p99")
        if values and said:
            exact = sorted(values)[math.ceil(0.99 * len(values)) - 1]
            errors.append(100 * abs(said["value"] - exact) / exact)
    return errors


def calls_in(bench: Bench, begin: float, end: float) -> str:
    """What was asked of the API server, in words."""
    found = asked.calls(audit.requests(Path(bench.plane.layout.audit_log)), begin, end)
    return asked.worded(found, (end - begin) / 60)


def most_writes_in(bench: Bench, begin: float, end: float) -> str:
    """Of the monitor whose status was written most often, in words."""
    most = asked.most_of_one(audit.requests(Path(bench.plane.layout.audit_log)), begin, end)
    return f"{most} in {(end - begin) / 60:.1f} minutes"


def say(text: str) -> None:
    """To whoever waits for the bench."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _rounded(values: dict[str, float]) -> str:
    return " ".join(f"{subject} {value:.3g}" for subject, value in values.items())
