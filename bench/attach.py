"""`python -m bench.attach`: what an attached sidecar adds to a request, on a real cluster (bench/README.md).

The same pod through the sidecar and past it, in turns: on an idle machine, beside a model that takes every
CPU while the sidecar may not step aside, and once it has stepped aside. It is measured on the release that is
installed, or on one of this tree for the time of the bench. Writes `bench/results/attach.json` and
`attach.md` and prints the table. `--quick` only proves that it runs: its numbers are written only where
`--output` says.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from bench import comparison, on_a_cluster, results
from bench.attached import latency
from bench.comparison import AGAIN, Measured
from bench.figures.scale import Scale
from bench.lifecycle.seen import Seen, limit_name
from bench.lifecycle.site import Site, is_installed, namespace, released
from bench.measure import machine
from bench.peers.registry import DIRECT
from e2e.kubectl import Refused
from e2e.waiting import WaitedInVain

from llmmonitor_operator.kube.api import connected
from llmmonitor_operator.kube.errors import ApiError

METHOD = {
    "figures": "seconds of a GET that a model of a few lines answers at once, over connections kept for the "
    "round, as a client pod on the same node sees them; p50 and p99 of each round, medians of the rounds",
    "through and past": "one process of the model listens on two ports, of which the monitor names one; "
    "each request is made to both, in a random order",
    "busy": f"{latency.HOGS} processes in the model's own container that only compute; the attached sidecar "
    "has the least claim to a CPU there is (cpu.shares 2)",
    "set-up": "both nodes, the control plane, the pods and the bench share the machine's cores",
}
SUBJECTS = {
    latency.ATTACHED: "through the attached sidecar's rule and relay",
    DIRECT: "the same pod by a port that no monitor names",
    f"{DIRECT}{AGAIN}": "that once more in the same round",
    limit_name(latency.ADDED_SECONDS): "a target",
}


async def run(site: Site, scale: Scale) -> tuple[list[Measured], results.Results]:
    """Measure, and make what is known into results."""
    described, seen, trouble = machine.describe(), Seen(), ""
    requests = scale.count(latency.REQUESTS)
    async with namespace(site, "attach-bench") as within:
        try:
            await latency.collect(site, within, scale.rounds, requests, seen)
        except (ApiError, Refused, WaitedInVain, subprocess.SubprocessError) as error:
            trouble = f"{type(error).__name__}: {error}"
            seen.failures[f"ended early: {trouble}"] += 1
    measured = latency.figures(seen)
    reason = {latency.ATTACHED: trouble or "not measured"}
    found = results.Results(
        machine=described,
        commit=machine.commit(),
        date=results.today(),
        method=METHOD
        | {
            "scale": f"{scale.rounds} rounds of {requests} requests a port, a tenth of them when busy",
            "load average after": f"{os.getloadavg()[0]:.1f}",
            "release": f"{'found installed' if site.found else 'installed for it'}: "
            f"operator {site.operator_image}, sidecar {site.sidecar_image}",
        },
        failures=dict(seen.failures),
        subjects=SUBJECTS,
        figures=[row for figure in measured for row in comparison.rows(figure, reason)],
        values=results.medians(measured),
    )
    return measured, found


async def _measure(
    cluster: on_a_cluster.Cluster, scale: Scale, _options: argparse.Namespace
) -> tuple[list[Measured], results.Results]:
    async with connected(cluster.kubeconfig) as kube:
        with released(kube, cluster.kubectl, cluster.helm, cluster.images) as site:
            return await run(site, scale)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a program."""
    parser = argparse.ArgumentParser(prog="python -m bench.attach", description=__doc__)
    bench = on_a_cluster.Bench("attach", parser, _measure, lambda kubectl: not is_installed(kubectl))
    return on_a_cluster.main(bench, arguments)


if __name__ == "__main__":
    sys.exit(main())
