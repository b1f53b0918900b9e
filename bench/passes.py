"""`python -m bench.passes`: what one monitor's pass costs the operator, part by part and all in all.

Replicas count as those of the scale bench do, for twenty minutes of simulated time; then the parts of their
monitors' passes are timed: signatures, decode, absorb, judge, count for `/metrics`, and the status document,
which is made once a minute at most. Each figure is the mean over six minutes of passes, the least of some:
whatever else runs only ever adds. With `--image` all of it is done by the operator's image and the Python in
it, as users run it. The whole is measured apart, over loopback (`whole_pass`), and the last row
is what is in none of the parts: HTTP, the API server's client, checkpoints, standings of pods, the loop.
`--asking` measures only what asking for reports and decoding them take, over loopback too.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench import whole_pass
from bench.fleet import operator_image
from bench.fleet.traffic import Replica
from e2e.cluster.errors import ClusterUnavailable

from llmmonitor_api.report.report import decode, encode
from llmmonitor_api.report.told import NONE_YET, Told
from llmmonitor_api.spec import LLMMonitor, load_monitor
from llmmonitor_operator.configure import configuration_for
from llmmonitor_operator.evaluate import Environment, WindowSums, evaluate
from llmmonitor_operator.evaluate.environment import ExpectedPod
from llmmonitor_operator.gather.absorb import absorb_all
from llmmonitor_operator.keys.keyring import SigningKey
from llmmonitor_operator.main import GC_THRESHOLDS
from llmmonitor_operator.reconcile.metrics.running_totals import RunningTotals
from llmmonitor_operator.reconcile.sidecars.signatures import Signatures
from llmmonitor_operator.state import State

T = TypeVar("T")
INTERVAL_SECONDS = 15.0
STATUS_EVERY = 4
WARM_UP = 80
BLOCK = 24
_BEGIN = 1_800_000_000.0
PATH, KEY = "/v1/report", SigningKey.new()


@dataclass
class Watched:
    """One monitor, its replicas, and what is known of them."""

    replicas: list[Replica]
    environment: Environment
    state: State = field(default_factory=State)
    totals: RunningTotals = field(default_factory=RunningTotals)
    sums: WindowSums = field(default_factory=WindowSums)
    told: dict[str, Told] = field(default_factory=lambda: defaultdict(Told))
    """What each replica has told, by pod UID."""

    def bodies(self, now: float) -> dict[str, bytes]:
        """What the replicas answer to whoever has what is known of them."""
        has = {uid: pod.newest.name for uid, pod in self.state.pods.items() if pod.newest}
        return {
            one.uid: encode(self.told[one.uid].since(one.report(now), has.get(one.uid, NONE_YET)))
            for one in self.replicas
        }


class Passes:
    """Passes over some monitors, and how long their parts took."""

    def __init__(self, monitors: int, pods: int) -> None:
        """Args: pods: of each monitor."""
        self.seconds: dict[str, float] = {}
        self._monitor = _monitor()
        self._now = _BEGIN
        self._signatures = Signatures()
        self._done = 0
        self.watched = [self._made(number * pods, pods) for number in range(monitors)]

    def _made(self, first: int, pods: int) -> Watched:
        replicas = [
            Replica(number, f"uid-{number}", f"m-{number}", _BEGIN) for number in range(first, first + pods)
        ]
        for one in replicas:
            one.configure(configuration_for(self._monitor))
            self._signatures.heard(one.uid, follows_links=True)
        expected = (ExpectedPod(uid=one.uid, name=one.name, expected_since=_BEGIN) for one in replicas)
        return Watched(replicas, Environment(cluster=True, pods=tuple(expected)))

    def round(self) -> dict[str, float]:
        """One pass over each, 15 s later; the CPU seconds of its parts, over all monitors."""
        self._now += INTERVAL_SECONDS
        self._done += 1
        self.seconds = {}
        for one in self.watched:
            self._pass(one)
        return self.seconds

    def _pass(self, one: Watched) -> None:
        for replica in one.replicas:
            replica.advance(self._now, serving=True)
        bodies = one.bodies(self._now)
        self._timed("signatures", lambda: [self._signatures.of(PATH, KEY, uid, self._now) for uid in bodies])
        reports = self._timed("decode", lambda: {uid: decode(body) for uid, body in bodies.items()})
        state, news = self._timed("absorb", lambda: absorb_all(one.state, reports, self._now))
        evaluation = self._timed(
            "evaluate", lambda: evaluate(self._monitor, state, self._now, one.environment, one.sums)
        )
        self._timed("what is news", lambda: evaluation.judged)
        keys = evaluation.state.events_at
        one.totals = self._timed("totals for /metrics", lambda: one.totals.after(news, keys))
        one.state = evaluation.state
        if self._done % STATUS_EVERY == 0:
            self._timed("status document", lambda: evaluation.status)

    def _timed(self, part: str, work: Callable[[], T]) -> T:
        began = time.thread_time()
        result = work()
        self.seconds[part] = self.seconds.get(part, 0.0) + time.thread_time() - began
        return result


def _monitor() -> LLMMonitor:
    return load_monitor(
        {
            "apiVersion": "llmmonitor.io/v1alpha1",
            "kind": "LLMMonitor",
            "metadata": {"name": "model", "namespace": "team", "uid": "m", "generation": 1},
            "spec": {"selector": {"matchLabels": {"model": "model"}}},
        }
    )


def measured(monitors: int, pods: int, blocks: int, warm_up: int = WARM_UP) -> dict[str, float]:
    """Milliseconds of one monitor's pass, by part: the mean over a block of rounds, of the best block."""
    passes = Passes(monitors, pods)
    for _ in range(warm_up):
        passes.round()
    gc.collect()
    gc.freeze()
    found = [_mean([passes.round() for _ in range(BLOCK)]) for _ in range(blocks)]
    return {part: min(one[part] for one in found) / monitors * 1e3 for part in found[0]}


def _mean(rounds: list[dict[str, float]]) -> dict[str, float]:
    parts = dict.fromkeys(part for one in rounds for part in one)
    return {part: sum(one.get(part, 0.0) for one in rounds) / len(rounds) for part in parts}


def lines(found: dict[str, float], pods: int, whole: float | None = None) -> Iterator[str]:
    """As a Markdown table; `whole` are the milliseconds of a whole pass, None where it was not measured."""
    rows = dict(found)
    if whole is not None:
        rows["all else: HTTP, API server, checkpoints, pods' standings, event loop"] = whole - sum(
            found.values()
        )
    yield "| part | ms of one monitor's pass | µs of one report |"
    yield "|---|---|---|"
    for part, milliseconds in {**rows, "in all": sum(rows.values())}.items():
        yield f"| {part} | {milliseconds:.2f} | {1000 * milliseconds / pods:.0f} |"


def _in_image(arguments: Sequence[str]) -> int:
    if os.geteuid() != 0:
        raise SystemExit(
            "--image needs root, to make the image's files a program's root; without it this"
            " Python is measured"
        )
    try:
        built = operator_image.built()
    except ClusterUnavailable as error:
        raise SystemExit(f"{error}; without --image this Python is measured") from error
    with tempfile.TemporaryDirectory() as folder:
        image = operator_image.unpacked(built, Path(folder) / "root")
        print(f"{image.python()}, of the operator's image")
        return subprocess.run(image.module("bench.passes", *arguments), check=False).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a program."""
    parser = argparse.ArgumentParser(prog="python -m bench.passes", description=__doc__, allow_abbrev=False)
    parser.add_argument("--monitors", type=int, default=10, help="how many")
    parser.add_argument("--pods", type=int, default=10, help="of each monitor")
    parser.add_argument("--blocks", type=int, default=8, help=f"of {BLOCK} passes over each that are timed")
    parser.add_argument("--parts", action="store_true", help="without a whole pass over loopback")
    parser.add_argument(
        "--asking", action="store_true", help="only what asking for a report and decoding it take"
    )
    parser.add_argument("--image", action="store_true", help="in the operator's image; needs root")
    options = parser.parse_args(arguments)
    if options.image:
        given = sys.argv[1:] if arguments is None else arguments
        return _in_image([one for one in given if one != "--image"])
    gc.set_threshold(*GC_THRESHOLDS)
    if options.asking:
        rounds = whole_pass.asked(options.monitors, options.pods, options.blocks)
        print(
            f"asking for a report and decoding it: {statistics.median(rounds):.0f} µs of CPU"
            f" ({min(rounds):.0f} to {max(rounds):.0f}, {len(rounds)} rounds,"
            f" {options.monitors * options.pods} sidecars)"
        )
        return 0
    found = measured(options.monitors, options.pods, options.blocks)
    whole = None
    if not options.parts:
        whole = whole_pass.measured(options.monitors, options.pods, options.blocks, WARM_UP)
    for line in lines(found, options.pods, whole):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
