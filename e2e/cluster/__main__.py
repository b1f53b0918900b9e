"""`python -m e2e.cluster up|down|images|shell|status|helm`: the test cluster, by hand."""

# ruff: noqa: T201 - a program that people run: it says what it does

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from e2e.cluster import binaries, cgroups, network, product, running
from e2e.cluster.errors import ClusterFailed, ClusterUnavailable
from e2e.cluster.layout import CONTROL_PLANE, Layout, Node

_MOST_NODES = 9


def main() -> int:
    """Run one command; 1 is a failure, 3 that this machine can't have a cluster."""
    parser = argparse.ArgumentParser(prog="python -m e2e.cluster", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "images", "shell", "status", "helm"])
    parser.add_argument("--nodes", type=int, default=1, choices=range(1, _MOST_NODES + 1), metavar="N")
    arguments = parser.parse_args()
    layout = Layout.from_environment()
    try:
        match arguments.command:
            case "up":
                began = time.monotonic()
                running.up(layout, [Node(number) for number in range(1, arguments.nodes + 1)])
                print(f"the cluster is up after {time.monotonic() - began:.0f} s; enter: make cluster-shell")
            case "down":
                running.down(layout)
            case "images":
                return _images(layout)
            case "shell":
                return _shell(layout, sys.stdin.isatty())
            case "status":
                return _status(layout)
            case "helm":
                print(binaries.helm(layout), binaries.install(binaries.HELM_3, layout), sep="\n")
    except ClusterUnavailable as error:
        print(f"!!! no test cluster on this machine: {error}", file=sys.stderr)
        return 3
    except ClusterFailed as error:
        print(f"the test cluster failed: {error}", file=sys.stderr)
        return 1
    return 0


def _shell(layout: Layout, interactive: bool) -> int:  # noqa: FBT001 - main's own
    if not running.is_up(layout):
        print("no cluster is up; start one with: make cluster-up", file=sys.stderr)
        return 1
    binaries.helm(layout)
    if interactive:
        print("kubectl and helm reach the cluster; its nodes' images: make cluster-images")
    shell = os.environ.get("SHELL", "/bin/sh")
    return subprocess.run(
        [*network.inside(CONTROL_PLANE), shell], env=running.shell_environment(layout), check=False
    ).returncode


def _images(layout: Layout) -> int:
    if not running.is_up(layout):
        print("no cluster is up; start one with: make cluster-up", file=sys.stderr)
        return 1
    for name, reference in product.load(layout).items():
        print(f"{name:22} {reference}")
    return 0


def _status(layout: Layout) -> int:
    if not running.is_up(layout):
        print(f"no cluster answers ({len(cgroups.processes())} processes are left of one)")
        return 1
    return subprocess.run(
        [*running.kubectl(layout), "get", "nodes,pods", "-A", "-o", "wide"], check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
