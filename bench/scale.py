"""`python -m bench.scale`: the operator with 1,000 monitors and 10,000 pods, beside Prometheus with the same.

A real API server in a network of the bench's own (see `bench/fleet/`), pods that nothing runs, and a few
processes that answer for their sidecars. Operator and Prometheus are the real programs, measured one after
the other: two cores have not enough for both, and whoever gets less than it wants looks cheap. Writes
`bench/results/scale.json` and `scale.md` and prints the table. `--quick` only proves that everything runs:
its numbers mean nothing, and are written only where `--output` says.
"""

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import msgspec
from bench import comparison, results
from bench.comparison import Measured
from bench.fleet import control_plane, network, operator_image, parts, prometheus, site, watched_operator
from bench.fleet.control_plane import ControlPlane
from bench.fleet.fleet_client import Sidecars
from bench.fleet.parts import INTERVAL_SECONDS, STATUS_SECONDS, Bench, say
from bench.fleet.programs import Running, started, stopped
from bench.fleet.seen import LIMITS, OPERATOR, PROMETHEUS, Seen, beside, figures
from bench.fleet.sidecars import Fleet
from bench.fleet.world import BIG, World
from bench.measure import machine
from e2e.cluster import binaries
from e2e.cluster.errors import ClusterUnavailable
from e2e.helm import Helm

from llmmonitor_api.quantities import parse_duration
from llmmonitor_api.signing import generate_private_key
from llmmonitor_operator.kube.api import Kube, connected

_INSIDE = "BENCH_SCALE_INSIDE"
METHOD = {
    "rounds": (
        "first the operator, then Prometheus, each with the machine for itself; medians and 95 % bootstrap"
        " intervals of the ratios of the first rounds of both, the second ones, and so on"
    ),
    "CPU": "sum of the threads' run time from /proc, user and kernel, over each round",
    "set-up": (
        "etcd, API server, the processes that answer for the sidecars, Prometheus, operator and bench share "
        "the machine's cores; no kubelet, no controllers; the operator runs outside a container, from its "
        "image's files, with the rights of the chart; every request is signed for, and every signature and "
        "link is checked"
    ),
    "changed configuration": (
        "from when the API server answered a monitor's patch to when its last sidecar had taken it, of the"
        " slowest monitor"
    ),
    "without traffic": "sidecars still report, and Prometheus still scrapes; nothing is served any more",
}
SUBJECTS = {
    OPERATOR: "`llm-monitor-operator run`, one shard, the chart's defaults but `operator.rest` (see method)",
    PROMETHEUS: "Debian's, 2.42, its defaults, scraping the `/metrics` of the same sidecars every 15 s",
    **dict.fromkeys(LIMITS, "the target, or the interval"),
}


@dataclass(frozen=True, slots=True)
class Extent:
    """How much, and for how long."""

    monitors: int
    pods: int
    rounds: int
    round_seconds: float
    warm_up_seconds: float
    changes: int
    settle_seconds: float
    """From the end of the traffic, and of what is written after it, to the rounds without."""
    rest: str = "0s"
    """The chart's `operator.rest`."""

    @property
    def rest_seconds(self) -> float:
        """The same, in seconds."""
        return 0.0 if self.rest == "0s" else parse_duration(self.rest).total_seconds()


WHOLE = Extent(1000, 10_000, rounds=5, round_seconds=60, warm_up_seconds=180, changes=5, settle_seconds=300)
QUICK = Extent(20, 200, rounds=1, round_seconds=20, warm_up_seconds=40, changes=1, settle_seconds=0)


async def measure(bench: Bench, extent: Extent, seen: Seen, begun_at: float) -> None:
    """Everything, in order."""
    seen.notes["until all sidecars report"] = (
        f"{await parts.all_report(bench):.0f} s after the operator's start"
    )
    say("all report; warming up")
    warm_up = extent.warm_up_seconds + extent.rest_seconds  # until all rest, each from another time on
    await asyncio.sleep(max(0.0, warm_up - (time.monotonic() - begun_at)))
    began = time.time()
    for _ in range(extent.rounds):
        seen.busy.append(await parts.one_round(bench, extent.round_seconds))
    ended = time.time()
    seen.notes["calls a minute, with traffic"] = parts.calls_in(bench, began, ended)
    seen.notes["most status writes of one monitor, with traffic"] = parts.most_writes_in(bench, began, ended)
    await _changes(bench, extent, seen)
    await bench.sidecars.rest()
    say("no traffic any more")
    await asyncio.sleep(3 * INTERVAL_SECONDS + max(STATUS_SECONDS, extent.rest_seconds))  # all have said all
    seen.first_token_errors = await parts.first_token_errors(bench)
    say(f"p99 off by up to {max(seen.first_token_errors, default=-1):.2f} %")
    # checkpoints of what was served last are written for five minutes more
    await asyncio.sleep(extent.settle_seconds)
    began = time.time()
    for _ in range(max(1, extent.rounds - 2)):
        seen.idle.append(await parts.one_round(bench, extent.round_seconds))
    seen.notes["calls to the API server, without traffic, a minute"] = parts.calls_in(
        bench, began, time.time()
    )
    state = await bench.sidecars.state()
    if state.refused:
        seen.failures["requests refused by a sidecar"] = state.refused


async def measure_prometheus(bench: Bench, extent: Extent, seen: Seen) -> None:
    """The same minutes of Prometheus, with traffic and without."""
    await bench.sidecars.serve()
    say("Prometheus alone; warming up")
    await asyncio.sleep(extent.warm_up_seconds)
    beside(seen.busy, [await parts.round_of_prometheus(bench, extent.round_seconds) for _ in seen.busy])
    await bench.sidecars.rest()
    await asyncio.sleep(2 * INTERVAL_SECONDS)
    beside(seen.idle, [await parts.round_of_prometheus(bench, extent.round_seconds) for _ in seen.idle])


async def _changes(bench: Bench, extent: Extent, seen: Seen) -> None:
    big = [(BIG, BIG)]
    others = [one for one in bench.world.every_monitor if one not in big]
    many = others[: max(1, bench.world.monitors // 9)]
    taking: list[float] = []
    for number in range(extent.changes):
        for what, monitors in (("one monitor", big), (f"{len(many)} monitors", many)):
            done = await parts.changed(bench, monitors, f"{1 + number}s")
            say(
                f"{what}: taken by the API server within {done.taking_seconds:.2f} s, {done.pods} sidecars"
                f" changed at most {done.seconds:.2f} s later"
            )
            seen.changes.setdefault(f"{done.pods} sidecars of {what}", []).append(done.seconds)
            taking.append(done.taking_seconds)
            await asyncio.sleep(INTERVAL_SECONDS / 2)
    seen.notes["patches of changed configuration"] = (
        f"taken by the API server within {min(taking):.2f} to {max(taking):.2f} s"
    )


async def run(plane: ControlPlane, extent: Extent) -> tuple[list[Measured], results.Results]:
    """Populate, start, measure."""
    described = machine.describe()
    world, seen = World(extent.monitors, extent.pods), Seen()
    unavailable: dict[str, str] = {}
    running: list[Running] = []
    logs = plane.layout.logs
    try:
        async with connected(str(plane.kubeconfig)) as kube, aiohttp.ClientSession() as session:
            running += await _fleet(plane, kube, world)
            sidecars = Sidecars(session, world.ports)
            await _answering(sidecars)
            await sidecars.serve()
            image = operator_image.unpacked(operator_image.built(), plane.layout.root / "operator")
            seen.notes["the operator's Python"] = image.python()
            seen.notes["operator.rest"] = extent.rest
            begun_at = time.monotonic()
            operator = watched_operator.running(plane, image, logs, extent.rest)
            running.append(operator)
            bench = Bench(world, plane, kube, session, sidecars, {OPERATOR: operator})
            await measure(bench, extent, seen, begun_at)
            stopped([running.pop()])
            try:
                peer = prometheus.scraping(world, plane.layout.root / "prometheus")
            except ClusterUnavailable as error:
                unavailable[PROMETHEUS] = str(error)
                say(f"without Prometheus: {error}")
            else:
                running.append(peer)
                bench = replace(bench, measured={PROMETHEUS: peer})
                await measure_prometheus(bench, extent, seen)
    finally:
        stopped(running)
        _keep_logs(logs)
    found = figures(seen)
    rows = [row for figure in found for row in comparison.rows(figure, unavailable)]
    return found, results.Results(
        machine=described,
        commit=machine.commit(),
        date=results.today(),
        method=METHOD
        | {
            "scale": f"{extent.monitors} monitors, {extent.pods} pods; {extent.rounds} rounds of"
            f" {extent.round_seconds:g} s",
            "load average after": f"{os.getloadavg()[0]:.1f}",
            **seen.notes,
        },
        failures=dict(seen.failures),
        subjects=SUBJECTS,
        figures=rows,
        values=results.medians(found),
    )


async def _fleet(plane: ControlPlane, kube: Kube, world: World) -> list[Running]:
    """The release, the world, and the processes that answer for its sidecars."""
    helm = Helm(str(binaries.helm(plane.layout)), (f"--kubeconfig={plane.kubeconfig}",))
    site.install(helm)
    key = generate_private_key()
    await site.keep_key(kube, key)
    began = time.monotonic()
    fleets = await site.populate(kube, world, key)
    say(f"{world.monitors} monitors and {world.pods} pods made in {time.monotonic() - began:.0f} s")
    return [_answers(plane.layout.root, port, fleet) for port, fleet in fleets.items()]


def _answers(folder: Path, port: int, fleet: Fleet) -> Running:
    file = folder / f"fleet-{port}"
    file.write_bytes(msgspec.msgpack.encode(fleet))
    command = [sys.executable, "-m", "bench.fleet.sidecars", str(file), str(port)]
    return started(
        f"sidecars-{port}", command, folder / "logs", {"PYTHONPATH": str(Path(__file__).parents[1])}
    )


async def _answering(sidecars: Sidecars) -> None:
    async with asyncio.timeout(120):
        while True:
            try:
                await sidecars.state()
            except aiohttp.ClientError:
                await asyncio.sleep(0.5)
            else:
                return


def _keep_logs(logs: Path) -> None:
    kept = os.environ.get("BENCH_SCALE_LOGS")
    if kept:
        subprocess.run(["cp", "-r", str(logs), kept], check=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a program."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run; its numbers mean nothing")
    parser.add_argument("--monitors", type=int, help="how many")
    parser.add_argument("--pods", type=int, help="how many, over all monitors")
    parser.add_argument("--rounds", type=int, help="rounds with traffic")
    parser.add_argument("--rest", help="the chart's operator.rest (default: the chart's, 0s)")
    parser.add_argument("--output", type=Path, help="where to write instead of bench/results")
    options = parser.parse_args(arguments)
    if _INSIDE not in os.environ:
        prometheus.fetched()  # in there is no way out
        control_plane.fetched()
        operator_image.built()
        with network.made() as inside:
            own = sys.argv[1:] if arguments is None else list(arguments)
            command = [*inside, sys.executable, "-m", "bench.scale", *own]
            return subprocess.run(command, env={**os.environ, _INSIDE: "1"}, check=False).returncode
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    extent = QUICK if options.quick else WHOLE
    said = {name: getattr(options, name) for name in ("monitors", "pods", "rounds", "rest")}
    given = {name: value for name, value in said.items() if value}
    extent = replace(extent, **given)
    with control_plane.running() as plane:
        measured, found = asyncio.run(run(plane, extent))
    if options.output is not None or not options.quick:
        results.write("scale", found, measured, options.output or results.DIRECTORY)
    print(results.markdown("scale", found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
