"""`python -m e2e [pytest's arguments]`: the tests on a real cluster, in two lanes at once.

Most tests wait: for a kubelet, for a report, for a condition. Those that share the installed release follow
one another, because some stop its operator or its webhook; those that need only the cluster run beside them,
in a process of their own whose output comes when it has ended. Someone's own cluster is used by both, and one
that is up; else one is put up for them and taken down in the end.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from e2e import own_cluster
from e2e.cluster import running
from e2e.cluster.layout import Layout
from e2e.lanes import Lane

ROOT = Path(__file__).parents[1]
_NOTHING_COLLECTED = 5
"""How pytest says that no test was asked for, which may be so in one of two lanes."""


def main(arguments: Sequence[str]) -> int:
    """Run both lanes with pytest's `arguments`; the larger exit code of theirs."""
    with _cluster() as failed, tempfile.TemporaryFile("w+") as output:
        if failed not in (0, own_cluster.UNAVAILABLE):
            return failed
        with _pytest(Lane.CLUSTER, arguments, output) as beside, _pytest(Lane.RELEASE, arguments) as shown:
            codes = [shown.wait(), beside.wait()]
        output.seek(0)
        _say(f"\n=== beside it: the tests that need only the cluster\n{output.read()}")
    ran = [code for code in codes if code != _NOTHING_COLLECTED]
    return max(ran, default=_NOTHING_COLLECTED)


@contextmanager
def _cluster() -> Iterator[int]:
    """0 with a cluster for both lanes; else why not, as `python -m e2e.cluster` says it."""
    layout = Layout.from_environment()
    if os.environ.get("E2E_KUBECONFIG") or running.is_up(layout):
        yield 0
        return
    failed = own_cluster.put_up()
    try:
        yield failed
    finally:
        if not failed:
            running.down(layout)


def _pytest(lane: Lane, arguments: Sequence[str], output: IO[str] | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "e2e", f"--lane={lane}", "-p", "no:xdist", *arguments]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=output, stderr=output)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a program that people run


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
