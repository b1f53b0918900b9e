"""`python -m bench.attach`: what an attached sidecar adds to a request, on a real cluster (bench/README.md).

The same pod through the sidecar and past it, in turns: on an idle machine, beside a model that takes every
CPU while the sidecar may not step aside, and once it has stepped aside. It is measured on the release that is
installed, or on one of this tree for the time of the bench. Writes `bench/results/attach.json` and
`attach.md` and prints the table. `--quick` only proves that it runs: its numbers are written only where
`--output` says.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import comparison, results
from bench.attached import latency
from bench.comparison import AGAIN, Measured
from bench.figures.scale import SMOKE, WHOLE, Scale
from bench.lifecycle.seen import Seen, limit_name
from bench.lifecycle.site import Site, is_installed, namespace, released
from bench.measure import machine
from bench.peers.registry import DIRECT
from e2e.cluster import binaries, network, product, running
from e2e.cluster.layout import CONTROL_PLANE, Layout
from e2e.helm import Helm
from e2e.kubectl import Kubectl, Refused
from e2e.waiting import WaitedInVain

from llmmonitor_operator.kube.api import connected
from llmmonitor_operator.kube.errors import ApiError

_IMAGES = "BENCH_IMAGES"
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
    kubeconfig: str, kubectl: Kubectl, helm: Helm, scale: Scale
) -> tuple[list[Measured], results.Results]:
    images: Mapping[str, str] = json.loads(os.environ.get(_IMAGES, "{}"))
    async with connected(kubeconfig) as kube:
        with released(kube, kubectl, helm, images) as site:
            return await run(site, scale)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a program."""
    parser = argparse.ArgumentParser(prog="python -m bench.attach", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run; its numbers mean nothing")
    parser.add_argument("--rounds", type=int, help="rounds in each state")
    parser.add_argument("--output", type=Path, help="where to write instead of bench/results")
    options = parser.parse_args(arguments)
    layout = Layout.from_environment()
    given = os.environ.get("E2E_KUBECONFIG", "")
    if not given and _IMAGES not in os.environ:
        return _inside(layout, sys.argv[1:] if arguments is None else list(arguments))
    kubeconfig = given or str(layout.admin_kubeconfig)
    program = (shutil.which("kubectl") if given else None) or str(layout.root / "bin" / "kubectl")
    kubectl = Kubectl([program, f"--kubeconfig={kubeconfig}"])
    if given and not is_installed(kubectl):
        os.environ[_IMAGES] = json.dumps(product.load_elsewhere())
    helm = Helm(str(binaries.helm(layout)), (f"--kubeconfig={kubeconfig}",))
    scale = SMOKE if options.quick else WHOLE
    if options.rounds:
        scale = Scale(options.rounds, scale.factor)
    measured, found = asyncio.run(_measure(kubeconfig, kubectl, helm, scale))
    if options.output is not None or not options.quick:
        results.write("attach", found, measured, options.output or results.DIRECTORY)
    print(results.markdown("attach", found))
    return 0


def _inside(layout: Layout, arguments: Sequence[str]) -> int:
    """The same program in the network of our own cluster, which nothing outside reaches."""
    if not running.is_up(layout):
        print("no cluster is up; start one with: make cluster-up", file=sys.stderr)
        return 1
    there = is_installed(Kubectl(running.kubectl(layout)))
    images = {} if there else product.load(layout)
    command = [*network.inside(CONTROL_PLANE), sys.executable, "-m", "bench.attach", *arguments]
    return subprocess.run(command, env={**os.environ, _IMAGES: json.dumps(images)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
