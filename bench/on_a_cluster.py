"""A bench of a real cluster as a program: its options, the cluster, the images, and where results go.

On someone's own cluster (E2E_KUBECONFIG) it runs where it is started. Our own cluster is reached from inside
its network only: there the same program is started once more, and told which images the nodes have been
given.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import results
from bench.comparison import Measured
from bench.figures.scale import SMOKE, WHOLE, Scale
from e2e.cluster import binaries, network, product, running
from e2e.cluster.layout import CONTROL_PLANE, Layout
from e2e.helm import Helm
from e2e.kubectl import Kubectl

_IMAGES = "BENCH_IMAGES"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster, and what to install on it."""

    kubeconfig: str
    kubectl: Kubectl
    helm: Helm
    images: Mapping[str, str]
    """What a pod's manifest says, by the image's name; empty where nothing is to be installed."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One bench; `python -m bench.NAME` runs it."""

    name: str
    parser: argparse.ArgumentParser
    """With the options that are its own."""
    measure: Callable[
        [Cluster, Scale, argparse.Namespace], Coroutine[Any, Any, tuple[list[Measured], results.Results]]
    ]
    installs: Callable[[Kubectl], bool]
    """Whether it is going to install something there, and so needs images."""


def main(bench: Bench, arguments: Sequence[str] | None) -> int:
    """Run it, print the table, and write it unless the run was a quick one; gives the exit status."""
    parser = bench.parser
    parser.add_argument("--quick", action="store_true", help="a smoke run; its numbers mean nothing")
    parser.add_argument("--rounds", type=int, help="rounds; some figures have a few more or less")
    parser.add_argument("--output", type=Path, help="where to write instead of bench/results")
    options = parser.parse_args(arguments)
    layout = Layout.from_environment()
    if not os.environ.get("E2E_KUBECONFIG") and _IMAGES not in os.environ:
        return _inside(bench, layout, sys.argv[1:] if arguments is None else arguments)
    scale = SMOKE if options.quick else WHOLE
    if options.rounds:
        scale = Scale(options.rounds, scale.factor)
    measured, found = asyncio.run(bench.measure(_cluster(bench, layout), scale, options))
    if options.output is not None or not options.quick:
        results.write(bench.name, found, measured, options.output or results.DIRECTORY)
    print(results.markdown(bench.name, found))
    return 0


def _cluster(bench: Bench, layout: Layout) -> Cluster:
    given = os.environ.get("E2E_KUBECONFIG", "")
    kubeconfig = given or str(layout.admin_kubeconfig)
    program = (shutil.which("kubectl") if given else None) or str(layout.root / "bin" / "kubectl")
    kubectl = Kubectl([program, f"--kubeconfig={kubeconfig}"])
    if given:
        images = product.load_elsewhere() if bench.installs(kubectl) else {}
    else:
        images = json.loads(os.environ[_IMAGES])
    helm = Helm(str(binaries.helm(layout)), (f"--kubeconfig={kubeconfig}",))
    return Cluster(kubeconfig, kubectl, helm, images)


def _inside(bench: Bench, layout: Layout, arguments: Sequence[str]) -> int:
    """The same program in the network of our own cluster, which nothing outside reaches."""
    if not running.is_up(layout):
        print("no cluster is up; start one with: make cluster-up", file=sys.stderr)
        return 1
    images = product.load(layout) if bench.installs(Kubectl(running.kubectl(layout))) else {}
    command = [*network.inside(CONTROL_PLANE), sys.executable, "-m", f"bench.{bench.name}", *arguments]
    return subprocess.run(command, env={**os.environ, _IMAGES: json.dumps(images)}, check=False).returncode
