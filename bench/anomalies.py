"""`python -m bench.anomalies`: false alarms, and faults found, on two weeks of real clients' traffic.

The product's own code beside textbook procedures on the same streams (see `bench/anomaly/`). No clock is
involved, so a busy machine only makes it slower. Writes `bench/results/anomalies.json` and `anomalies.md` and
prints the table. `--quick` only proves that it runs: its numbers mean nothing, and are written only where
`--output` says.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

from bench import results
from bench.anomaly import replay
from bench.anomaly.outcome import Row, rows
from bench.measure import machine

SERVICES, DAYS, TRIALS = 16, 90, 12
FIRST_SEED = 1_000
"""The detector was chosen on services of other seeds."""
METHOD = {
    "source": (
        "ServeGen (Apache-2.0, Alibaba; arXiv 2505.09999), model m-small: two weeks of production "
        "statistics of "
        "38 clients, `bench/data/`. Each simulated service has 2 to 12 of these clients, thinned to 0.2 to 8 "
        "requests/s; months are resampled from quarters of days, all clients together, each at its own "
        "time of "
        "day, weekdays for weekdays"
    ),
    "latencies": (
        "not in the source: they follow from load, prompt and answer lengths by the model written down in "
        "`bench/anomaly/service.py`, with autocorrelated heavy-tailed unrest of the server and of sessions"
    ),
    "ours": (
        "the operator's own code; 35 days of history, learnt anew every 7 days here, every day in the "
        "operator"
    ),
    "false alarms": (
        "alarms raised in 30 days without a fault in the family, mean of the services; 95 % bootstrap "
        "interval "
        "over services, 3/T where there was none in T months"
    ),
    "faults": (
        "begin at a random moment within a cell and last 2 h; time to detection is to the end of the cell "
        "that "
        "raised the alarm; trials in which the procedure had an alarm of that family already are left out"
    ),
    "textbook": (
        "the same logarithms, mean and standard deviation of the same history; alarms less than 1 h apart "
        "count "
        "once. A procedure that alarms all the time finds everything: read its shares beside its false alarms"
    ),
}


class Results(results.Run, kw_only=True):
    """The content of `anomalies.json`."""

    figures: list[Row]


def run(services: int, days: int, trials: int, *, processes: int = 1) -> Results:
    """Replay so many services for so many days each."""
    described, commit, began = machine.describe(), machine.commit(), time.monotonic()
    jobs = [(FIRST_SEED + number, days, trials) for number in range(services)]
    found = []
    with get_context("spawn").Pool(processes) as pool:
        for number, one in enumerate(pool.imap(_replay, jobs)):
            seconds = time.monotonic() - began
            print(f"service {number + 1} of {services}: {seconds:.0f} s", file=sys.stderr, flush=True)
            found.append(one)
    scale = f"{services} services, {days} days each after 35 of history, {trials} moments for every fault"
    return Results(
        machine=described,
        commit=commit,
        date=results.today(),
        method=METHOD | {"scale": f"{scale}; took {time.monotonic() - began:.0f} s"},
        figures=rows(found),
    )


def _replay(job: tuple[int, int, int]) -> replay.Found:
    return replay.replay(*job)


def markdown(found: Results) -> str:
    """The results as a table, the peers' columns beside ours."""
    machine_ = found.machine
    where = f"{machine_.cpu_model}, {machine_.cores} cores, Python {machine_.python}"
    peers = list(dict.fromkeys(row.peer_name for row in found.figures if row.peer is not None))
    lines = ["# Benchmark: anomalies", "", f"{where}; commit {found.commit}, {found.date}.", ""]
    lines += [f"- {key}: {value}" for key, value in found.method.items()]
    lines += ["", "| figure | unit | n | ours [95 %] | " + " | ".join(peers) + " | target | met |"]
    lines += ["|---|---|---:|---:|" + "---:|" * len(peers) + "---|---|"]
    for name in dict.fromkeys(row.name for row in found.figures):
        mine = [row for row in found.figures if row.name == name]
        first = mine[0]
        beside = {row.peer_name: row.peer for row in mine}
        ours = first.reason if first.ours is None else f"{first.ours:g} {_interval(first)}"
        others = " | ".join("" if beside.get(peer) is None else f"{beside[peer]:g}" for peer in peers)
        met = {True: "yes", False: "**no**", None: ""}.get(first.met, first.met)  # type: ignore[arg-type]
        lines.append(
            f"| {name} | {first.unit} | {first.n} | {ours} | {others} | {first.target or ''} | {met} |"
        )
    return "\n".join(lines) + "\n"


def _interval(row: Row) -> str:
    return "" if row.interval is None else f"[{row.interval[0]:g}, {row.interval[1]:g}]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a program."""
    parser = argparse.ArgumentParser(prog="python -m bench.anomalies", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run; its numbers mean nothing")
    parser.add_argument("--services", type=int, default=SERVICES)
    parser.add_argument("--days", type=int, default=DAYS, help="of each, after its history")
    parser.add_argument("--trials", type=int, default=TRIALS, help="of every fault, for each service")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--output", type=Path, help="where to write instead of bench/results")
    options = parser.parse_args(arguments)
    if options.quick:
        options.services, options.days, options.trials = 2, 2, 1
    found = run(options.services, options.days, options.trials, processes=options.processes)
    if options.output is not None or not options.quick:
        results.keep("anomalies", found, markdown(found), options.output or results.DIRECTORY)
    print(markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
