"""`python -m bench.drift`: false alarms of drift, and changes found, on real clients and on sessions.

The operator's own code beside common procedures on the same streams (see `bench/drifting/`). No clock is
involved, so a busy machine only makes it slower. Writes `bench/results/drift.json` and `drift.md` and prints
the table. `--quick` only proves that it runs: its numbers mean nothing, and are written only where
`--output` says.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

from bench import results
from bench.drifting.others import PROCEDURES
from bench.drifting.outcome import FOUND, Row, rows
from bench.drifting.replay import TRIAL_WINDOWS, Found, replay
from bench.measure import machine

KINDS = ("clients:38", "clients:8", "clients:3", "sessions:0", "sessions:0.5", "sessions:0.9")
STREAMS, TRIALS = 2, 6
FIRST_SEED = 1_000
METHOD = {
    "clients": (
        "ServeGen (Apache-2.0, Alibaba; arXiv 2505.09999), model m-small: two weeks of production "
        "statistics of 38 clients, `bench/data/`, in their order: the first week is learnt, the second "
        "judged. `clients:N` is a service with N of them, thinned to 0.25 to 2 requests/s. What the source "
        "does not have (turns, parameters, reasons to finish) each client has of its own"
    ),
    "sessions": (
        "synthetic, one request a second in 40 sessions of 20 requests on average; `sessions:C` repeats the "
        "session's first request with probability C. One week is learnt, two are judged"
    ),
    "ours": "the operator's own code: windows of 500 requests, closed by the minute, two in a row",
    "others": (
        "each window against the whole week, on the same half-octave buckets, one window is enough; of turns "
        "and tokens alone. A procedure that alarms all the time finds everything at once: read its shares "
        "beside its windows in false alarm"
    ),
    "episodes": "alarms less than an hour apart count once; one that never ends is one",
    "changes": (
        "from a random moment on a share of the requests is of code completion (Azure LLM inference trace "
        f"2023, CC-BY 4.0, `bench/data/`), or answers are twice as long; followed for {TRIAL_WINDOWS} windows"
    ),
}


class Results(results.Run, kw_only=True):
    """The content of `drift.json`."""

    figures: list[Row]


def run(kinds: Sequence[str], streams: int, trials: int, *, processes: int = 1) -> Results:
    """Replay so many streams of each kind."""
    described, commit, began = machine.describe(), machine.commit(), time.monotonic()
    jobs = [(kind, FIRST_SEED + number, trials) for kind in kinds for number in range(streams)]
    found = []
    with get_context("spawn").Pool(processes) as pool:
        for job, one in zip(jobs, pool.imap(_replay, jobs), strict=True):
            print(f"{job[0]} {job[1]}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            found.append(one)
    scale = f"{streams} streams of each kind, {trials} moments for every change"
    return Results(
        machine=described,
        commit=commit,
        date=results.today(),
        method=METHOD | {"scale": f"{scale}; took {time.monotonic() - began:.0f} s"},
        figures=rows(found),
    )


def _replay(job: tuple[str, int, int]) -> Found:
    return replay(*job)


def markdown(found: Results) -> str:
    """Three tables: false alarms, what finds changes, and what of the cause is said."""
    machine_ = found.machine
    where = f"{machine_.cpu_model}, {machine_.cores} cores, Python {machine_.python}"
    lines = ["# Benchmark: drift", "", f"{where}; commit {found.commit}, {found.date}.", ""]
    lines += [f"- {key}: {value}" for key, value in found.method.items()]
    peers = " | ".join(PROCEDURES)
    lines += ["", "## Without a change", ""]
    lines += [f"| stream | figure | unit | n | ours [95 %] | {peers} | target | met |"]
    lines += ["|---|---|---|---:|---:|" + "---:|" * len(PROCEDURES) + "---|---|"]
    for row in found.figures:
        if row.change:
            continue
        others = " | ".join(_cell(row.peers.get(name)) for name in PROCEDURES)
        met = {True: "yes", False: "**no**", None: ""}.get(row.met, row.met)  # type: ignore[arg-type]  # or a word
        cells = (row.stream, row.name, row.unit, str(row.n), _ours(row), others, row.target, met)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += ["", "## Changes found", ""]
    lines += [f"Share found within {TRIAL_WINDOWS} windows [95 %]; median number of windows until then.", ""]
    lines += [
        f"| stream | change | by | n | ours | {peers} |",
        "|---|---|---|---:|---:|" + "---:|" * len(PROCEDURES),
    ]
    for row in found.figures:
        if row.name == FOUND:
            others = " | ".join(_cell(row.peers.get(name)) for name in PROCEDURES)
            delay = "" if row.delay is None else f"; {row.delay:g}"
            lines.append(
                f"| {row.stream} | {row.change} | {row.feature} | {row.n} | {_ours(row)}{delay} | {others} |"
            )
    lines += ["", "## What is said of the cause", "", "| stream | change | unit | n | ours [95 %] |"]
    lines += ["|---|---|---|---:|---:|"]
    for row in found.figures:
        if row.change and row.name != FOUND:
            lines.append(f"| {row.stream} | {row.change} | {row.unit} | {row.n} | {_ours(row)} |")
    return "\n".join(lines) + "\n"


def _ours(row: Row) -> str:
    ours = "" if row.ours is None else f"{row.ours:g}"
    return ours if row.interval is None else f"{ours} [{row.interval[0]:g}, {row.interval[1]:g}]"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a program."""
    parser = argparse.ArgumentParser(prog="python -m bench.drift", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run; its numbers mean nothing")
    parser.add_argument("--streams", type=int, default=STREAMS, help="of each kind")
    parser.add_argument("--trials", type=int, default=TRIALS, help="of every change, for each stream")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", default=KINDS)
    parser.add_argument("--output", type=Path, help="where to write instead of bench/results")
    options = parser.parse_args(arguments)
    if options.quick:
        options.kinds, options.streams, options.trials = ("sessions:0.3",), 1, 1
    found = run(options.kinds, options.streams, options.trials, processes=options.processes)
    if options.output is not None or not options.quick:
        results.keep("drift", found, markdown(found), options.output or results.DIRECTORY)
    print(markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
