"""`python -m bench.cluster`: how long people wait for the product on a real cluster (see `bench/README.md`).

From `kubectl apply` to the first conditions, what the injected sidecar adds to a pod's start, from a changed
objective to its being in force, and how long nobody leads when the operator's leader goes. It is measured on
the release that is installed, or on one of this tree for the time of the bench. Writes
`bench/results/cluster.json` and `cluster.md` and prints the table. `--quick` only proves that everything
runs: its numbers mean nothing, and are written only where `--output` says.
"""

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bench import comparison, on_a_cluster, results
from bench.comparison import Measured
from bench.figures.scale import Scale
from bench.lifecycle import change, first_conditions, start_up, takeover
from bench.lifecycle.seen import INSTALLED, Seen, limit_name
from bench.lifecycle.site import Site, is_installed, monitor, namespace, proved, released, served
from bench.measure import machine
from e2e.kubectl import Kubectl, Refused
from e2e.waiting import WaitedInVain

from llmmonitor_operator.kube.api import connected
from llmmonitor_operator.kube.errors import ApiError

METHOD = {
    "figures": (
        "seconds by the bench's monotonic clock, from just before the command to the API server's watch "
        "telling of it; medians and 95 % bootstrap intervals of the rounds; the peer of a row is its target"
    ),
    "verdicts": "`indistinguishable` where the interval holds the target, or with fewer than 5 rounds",
    "set-up": "both nodes, the control plane, all pods and the bench share the machine's cores",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One thing measured."""

    name: str
    collect: Callable[[Site, Scale, Seen], Coroutine[Any, Any, None]]
    figures: Callable[[Seen], list[Measured]]


async def _first_conditions(site: Site, scale: Scale, seen: Seen) -> None:
    await first_conditions.collect(site, scale.rounds, seen)


async def _start_up(site: Site, scale: Scale, seen: Seen) -> None:
    async with _injecting(site, "cluster-bench-start") as within:
        await start_up.collect(site, within, scale.rounds + 1, seen)


async def _change(site: Site, scale: Scale, seen: Seen) -> None:
    async with _injecting(site, "cluster-bench-change", replicas=change.REPLICAS) as within:
        await change.collect(site, within, 2 * scale.rounds, seen)


async def _takeover(site: Site, scale: Scale, seen: Seen) -> None:
    async with _injecting(site, "cluster-bench-leader"):
        await takeover.collect(site, max(1, scale.rounds - 2), seen)


@asynccontextmanager
async def _injecting(site: Site, name: str, *, replicas: int = 1) -> AsyncIterator[Kubectl]:
    """A namespace with a monitored model, in which the sidecar is proved."""
    async with namespace(site, name) as within:
        await asyncio.to_thread(within.apply, monitor())
        await served(site, within, replicas=replicas)
        await proved(site, within)
        yield within


PARTS = (
    Part("conditions", _first_conditions, first_conditions.figures),
    Part("start-up", _start_up, start_up.figures),
    Part("change", _change, change.figures),
    Part("takeover", _takeover, takeover.figures),
)
SUBJECTS = {
    INSTALLED: "the release `llm-monitor` as the chart installs it: two operators, two webhooks",
    start_up.INJECTED: "a pod that the webhook gave the native sidecar to",
    start_up.WITHOUT: 'the same pod with the annotation `llmmonitor.io/inject: "false"`',
    f"{start_up.WITHOUT}, A/A": "that pod, once more in the same round, less that pod",
    takeover.DELETED: "`kubectl delete pod --grace-period=0 --force` of the leader",
    takeover.KILLED: "SIGKILL by containerd, then the same deletion: the kubelet does not start it again",
    **{limit_name(part.LIMIT_SECONDS): "a target" for part in (start_up, change, takeover, first_conditions)},
}


def rows(
    part: Part, seen: Seen, trouble: str, *, others_cluster: bool
) -> tuple[list[Measured], list[comparison.Figure]]:
    """The figures of one part; those it does not have say why."""
    measured = part.figures(seen)
    reason = trouble or "not measured"
    peers = {start_up.WITHOUT, *(name for name, what in SUBJECTS.items() if what == "a target")}
    unavailable = dict.fromkeys(SUBJECTS.keys() - peers, reason)
    if others_cluster:
        unavailable[takeover.KILLED] = takeover.NEEDS_THE_NODES
    return measured, [row for figure in measured for row in comparison.rows(figure, unavailable)]


async def run(site: Site, parts: Sequence[Part], scale: Scale) -> tuple[list[Measured], results.Results]:
    """Measure some parts, whatever becomes of the others."""
    described = machine.describe()
    others_cluster = bool(os.environ.get("E2E_KUBECONFIG"))
    measured: list[Measured] = []
    figures: list[comparison.Figure] = []
    failures: dict[str, int] = {}
    loads: list[str] = []
    for part in parts:
        seen, trouble, before = Seen(), "", os.getloadavg()[0]
        try:
            await part.collect(site, scale, seen)
        except (ApiError, Refused, WaitedInVain, subprocess.SubprocessError) as error:
            trouble = f"{type(error).__name__}: {error}"
            seen.failures[f"{part.name} ended early: {trouble}"] += 1
        loads.append(f"{part.name} {before:.1f} → {os.getloadavg()[0]:.1f}")
        print(f"{part.name}: done{trouble and ' early: '}{trouble}", file=sys.stderr, flush=True)
        of_part, rows_of_part = rows(part, seen, trouble, others_cluster=others_cluster)
        measured += of_part
        figures += rows_of_part
        failures |= dict(seen.failures)
    found = results.Results(
        machine=described,
        commit=machine.commit(),
        date=results.today(),
        method=METHOD
        | {
            "load average, before and after each part": ", ".join(loads),
            "release": f"{'found installed' if site.found else 'installed for it'}: "
            f"operator {site.operator_image}, sidecar {site.sidecar_image}",
        },
        failures=failures,
        subjects=SUBJECTS,
        figures=figures,
        values=results.medians(measured),
    )
    return measured, found


async def _measure(
    cluster: on_a_cluster.Cluster, scale: Scale, options: argparse.Namespace
) -> tuple[list[Measured], results.Results]:
    parts = [part for part in PARTS if not options.only or part.name in options.only]
    async with connected(cluster.kubeconfig) as kube:
        with released(kube, cluster.kubectl, cluster.helm, cluster.images) as site:
            return await run(site, parts, scale)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a program."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.add_argument("--only", action="append", choices=[part.name for part in PARTS], help="one part")
    bench = on_a_cluster.Bench("cluster", parser, _measure, lambda kubectl: not is_installed(kubectl))
    return on_a_cluster.main(bench, arguments)


if __name__ == "__main__":
    sys.exit(main())
