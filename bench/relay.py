"""`python -m bench.relay`: the relay and the whole sidecar beside nginx, HAProxy, Envoy and an aiohttp proxy.

Every figure is a ratio of two things measured in the same minutes on the same core (see `bench/README.md`).
Writes `bench/results/relay.json`, `relay.md` and two plots, and prints the table. `--quick` only proves that
everything runs: its numbers mean nothing, and like those of `--only` are written only where `--output` says.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import comparison, plots, results
from bench.comparison import Figure, Measured
from bench.figures import (
    accuracy,
    first_token,
    idle,
    isolation,
    jitter,
    memory,
    peer_accuracy,
    report_accuracy,
    requests,
    saturation,
)
from bench.figures.scale import SMOKE, WHOLE, Scale
from bench.measure import machine, processes
from bench.measure.statistics import quantile
from bench.peers.install import install
from bench.peers.registry import PROXIES
from bench.rig import Rig

FIGURES: dict[str, Callable[[Rig, Scale], list[Measured]]] = {
    "first-token": first_token.measure,
    "jitter": jitter.measure,
    "saturation": saturation.measure,
    "requests": requests.measure,
    "memory": memory.measure,
    "isolation": isolation.measure,
    "idle": idle.measure,
    "accuracy": accuracy.measure,
    "report-accuracy": report_accuracy.measure,
    "peer-accuracy": peer_accuracy.measure,
}
SLOW = ("peer-accuracy",)
"""Figures that a smoke run leaves out: their peer alone takes longer than all others together."""
KILLED = [
    Figure(
        name=f"relay SIGKILLed under load: connections failed, {kind}",
        subject="sidecar, transparent",
        peer_name="none",
        unit="connections",
        target=target,
        reason="counted by tests/sidecar/supervisor/test_transparent_fails_open.py, which needs root",
    )
    for kind, target in (("begun after", "0"), ("in the accept queue", None), ("carried", None))
]
"""Correctness rather than speed: a test fails when it changes, so it is no bench's to repeat."""
METHOD = {
    "rounds": (
        "every subject once a round, in a random order; medians and 95 % bootstrap intervals of the "
        "rounds' ratios; warm-up dropped; A/A: the same proxy measured twice in each round"
    ),
    "verdicts": "`indistinguishable` where the interval holds the target",
    "cores": (
        "the proxy under test has one core (all processes of a sidecar share it); load and model server have "
        "another, in one process; a proxy that is not being measured is stopped (SIGSTOP); loopback only"
    ),
    "clock": "every token carries CLOCK_MONOTONIC ns of its sending",
    "CPU": "`sum_exec_runtime` of all threads, /proc/PID/task/*/schedstat",
}


def run(names: Sequence[str], scale: Scale, directory: Path) -> tuple[list[Measured], results.Results]:
    """Measure the named figures."""
    described = machine.describe()
    measured: list[Measured] = []
    began, stolen_before = time.monotonic(), processes.stolen_seconds()
    with Rig(directory) as rig:
        for name in names:
            begun = time.monotonic()
            measured += FIGURES[name](rig, scale)
            print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        stolen = (processes.stolen_seconds() - stolen_before) / (time.monotonic() - began)
        others = quantile(rig.others_cores, 0.5)
        rows = [row for figure in measured for row in comparison.rows(figure, rig.unavailable)]
    found = results.Results(
        machine=described,
        commit=machine.commit(),
        date=results.today(),
        method=METHOD
        | {
            "scale": f"{scale.rounds} rounds, durations times {scale.factor:g}",
            "disturbance": (
                f"meanwhile other programs took {max(0.0, others):.2f} cores (median of the runs) "
                f"and the hypervisor {stolen:.2f} (mean)"
            ),
        },
        failures={f"{proxy}: {error}": count for (proxy, error), count in rig.failures.items()},
        subjects={name: kind.description for name, kind in PROXIES.items()},
        figures=[*rows, *(KILLED if len(names) == len(FIGURES) else [])],
        values=results.medians(measured),
    )
    return measured, found


def write(found: results.Results, measured: Sequence[Measured], directory: Path) -> None:
    """Write table, JSON and plots."""
    results.write("relay", found, measured, directory)
    plots.ratios(found.figures, directory / "relay-ratios.svg")
    for name, row in found.values.items():
        if name.startswith(jitter.CPU_NAME) and row:
            plots.bars(f"{name}, {jitter.STREAMS} streams", row, directory / "relay-cpu.svg")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a program."""
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run; its numbers mean nothing")
    parser.add_argument("--only", action="append", choices=list(FIGURES), help="this figure; repeatable")
    parser.add_argument("--rounds", type=int, help="rounds per figure")
    parser.add_argument("--output", type=Path, help="where to write instead of bench/results")
    parser.add_argument("--no-install", action="store_true", help="do without the peers that are not here")
    options = parser.parse_args(arguments)
    for problem in [] if options.no_install else install():
        print(problem, file=sys.stderr)
    scale = SMOKE if options.quick else WHOLE
    if options.rounds:
        scale = Scale(options.rounds, scale.factor)
    with tempfile.TemporaryDirectory(prefix="llm-monitor-bench-") as directory:
        names = options.only or [name for name in FIGURES if not options.quick or name not in SLOW]
        measured, found = run(names, scale, Path(directory))
    if options.output is not None or not (options.quick or options.only):
        write(found, measured, options.output or results.DIRECTORY)
    print(results.markdown("relay", found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
