"""`python -m bench.versions`: how often versions that are alike are called different, and how soon real ones.

The product's own code beside a z-test and a t-test that are looked at all the time, on the same streams
(`bench/version/`). No clock is involved, so a busy machine only makes it slower. Writes
`bench/results/versions.json` and `versions.md` and prints the table. `--quick` only proves that it runs.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from bench import results
from bench.anomaly.outcome import Row
from bench.comparison import digits
from bench.measure import machine
from bench.measure.statistics import quantile
from bench.version.procedures import PEERS, Said, before_after, hours, others, ours, requests_as_units
from bench.version.streams import MEASURES, Setting, draw

from llmmonitor_operator.evaluate.wording import wilson_interval
from llmmonitor_operator.versions.comparison import ERROR_RATE

RUNS, ABLATION_RUNS, EFFECT_RUNS = 2_000, 400, 16
MARGIN = 0.05
"""`spec.versions.margin`'s default."""
ALIKE = {
    "sticky users, one day": (Setting(), 0.0),
    "sticky users that come back for three days": (Setting(days=3, users_a_cell=8), 0.0),
    "each request routed anew": (Setting(sticky=False), 0.0),
    "a tenth of the users on the new version": (Setting(share=0.1), 0.0),
    "worse by exactly the margin, sticky users": (Setting(worse=(MARGIN,) * 3), MARGIN),
    "worse by exactly the margin, each request routed anew": (
        Setting(worse=(MARGIN,) * 3, sticky=False),
        MARGIN,
    ),
}
"""Streams in which nothing may be found, and the margin that it is looked for with."""
ROUTES = {
    "sticky, 3,000 users": Setting(users=3_000, users_a_cell=60),
    "each request routed anew, 3,000 users": Setting(users=3_000, users_a_cell=60, sticky=False),
    "each request routed anew, 600 users": Setting(sticky=False),
}
EFFECTS = (0.0, 0.1, 0.2, 0.4)
REQUESTS_AS_UNITS = "the same sequence, requests as units"
METHOD = {
    "source": (
        "ServeGen (Apache-2.0, Alibaba; arXiv 2505.09999), model m-small: two weeks of production statistics,"
        " `bench/data/`; each service has 6 of its clients as tenants. Users within tenants, latencies and"
        " failures follow by the model written down in `bench/version/streams.py`"
    ),
    "ours": (
        "the operator's own code: clients as units, matched within ten minutes and prompt lengths, a"
        f" confidence sequence for each of {len(MEASURES)} measures ({', '.join(MEASURES)}) with an error"
        f" rate of {ERROR_RATE:g} for all of them and for all time, looked at every ten minutes"
    ),
    "others": (
        "a two-proportion z-test and Welch's t-test at p < .05 on requests, looked at every ten minutes from"
        " 30 requests a side; each on one measure alone, so that more of them err more"
    ),
    "errors": (
        "versions are alike (tested against a difference of 0), or differ by exactly the margin; an error is"
        " that any measure is ever called worse or better (at the margin: worse, or all alike); 95 % Wilson"
        " interval over services"
    ),
    "effects": (
        "the share of failed requests, about 5 %, is larger on the new version by so many points; margin"
        f" {100 * MARGIN:g} points; medians of the services in which it was found within a day. A test that"
        " errs all the time is early too: read its hours beside its errors"
    ),
}


@dataclass(frozen=True, slots=True)
class Job:
    """One service to compare."""

    setting: Setting
    margin: float
    seed: int
    ablated: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was said of it, in cells from the begin; None where it never was."""

    ours: Said
    others: dict[str, int | None]
    before_after: bool


class Results(results.Run, kw_only=True):
    """The content of `versions.json`."""

    figures: list[Row]


def trial(job: Job) -> Outcome:
    """Compare one service's versions."""
    stream = draw(job.setting, job.seed)
    found = others(stream)
    if job.ablated:
        found[REQUESTS_AS_UNITS] = ours(requests_as_units(stream), job.margin).first("worse", "better")
    return Outcome(ours(stream.sides(), job.margin), found, before_after(stream))


def run(runs: int, effect_runs: int, ablation_runs: int, *, processes: int = 1) -> Results:
    """All settings, one after the other."""
    described, commit, began = machine.describe(), machine.commit(), time.monotonic()
    rows: list[Row] = []
    with get_context("spawn").Pool(processes) as pool:

        def tried(name: str, jobs: Sequence[Job]) -> list[Outcome]:
            found = pool.map(trial, jobs, chunksize=4)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            return found

        for name, (setting, margin) in ALIKE.items():
            rows += errors(name, margin, tried(name, jobs(setting, margin, runs)))
        found = tried(REQUESTS_AS_UNITS, jobs(Setting(), 0.0, ablation_runs, ablated=True))
        rows.append(ablation(found))
        for name, setting in ROUTES.items():
            for effect in EFFECTS:
                changed = replace(setting, worse=(effect, 0.0, 0.0))
                title = f"{name}, +{100 * effect:g} points"
                rows += delays(title, effect, tried(title, jobs(changed, MARGIN, effect_runs)))
    scale = f"{runs} services a setting, {effect_runs} an effect, {ablation_runs} with requests as units"
    return Results(
        machine=described,
        commit=commit,
        date=results.today(),
        method=METHOD | {"scale": f"{scale}; took {time.monotonic() - began:.0f} s"},
        figures=rows,
    )


def jobs(setting: Setting, margin: float, runs: int, *, ablated: bool = False) -> list[Job]:
    """Services of consecutive seeds: the same for every setting."""
    return [Job(setting, margin, seed, ablated) for seed in range(runs)]


def errors(name: str, margin: float, found: Sequence[Outcome]) -> list[Row]:
    """The share of services in which versions were called different, or what the margin forbids."""
    kinds = ("worse", "alike") if margin else ("worse", "better")
    wrong = sum(one.ours.first(*kinds) is not None for one in found)
    low, high = wilson_interval(wrong, len(found))
    met: bool | str = high <= ERROR_RATE or ("indistinguishable" if low <= ERROR_RATE else False)
    peers: dict[str, float | None] = {"": None}
    if not margin:
        peers = {peer: _share(one.others[peer] is not None for one in found) for peer in PEERS}
        peers["z-test before/after"] = _share(one.before_after for one in found)
    return [
        Row(
            name=f"called different though alike: {name}" if not margin else f"called wrong: {name}",
            unit="share of services",
            ours=digits(wrong / len(found)),
            interval=(digits(low), digits(high)),
            peer=share,
            peer_name=peer,
            ratio=digits(wrong / len(found) / share) if share else None,
            target=f"<= {ERROR_RATE:g}",
            met=met,
            n=len(found),
        )
        for peer, share in peers.items()
    ]


def ablation(found: Sequence[Outcome]) -> Row:
    """What the confidence sequence is worth without clients as units."""
    wrong = sum(one.ours.first("worse", "better") is not None for one in found)
    low, high = wilson_interval(wrong, len(found))
    return Row(
        name="called different though alike: clients as units, or requests",
        unit="share of services",
        ours=digits(wrong / len(found)),
        interval=(digits(low), digits(high)),
        peer=_share(one.others[REQUESTS_AS_UNITS] is not None for one in found),
        peer_name=REQUESTS_AS_UNITS,
        n=len(found),
    )


def delays(name: str, effect: float, found: Sequence[Outcome]) -> list[Row]:
    """How often and how soon it was said: worse by an effect, alike without one."""
    kind = "worse" if effect else "alike"
    known = [at for one in found if (at := one.ours.first(kind)) is not None]
    low, high = wilson_interval(len(known), len(found))
    peer = {one: [at for each in found if (at := each.others[one]) is not None] for one in PEERS[:1]}
    rows = [
        Row(
            name=f"said {kind} within a day: {name}",
            unit="share of services",
            ours=digits(len(known) / len(found)),
            interval=(digits(low), digits(high)),
            peer=digits(len(at) / len(found)) if effect else None,
            peer_name=one if effect else "",
            n=len(found),
        )
        for one, at in peer.items()
    ]
    if known:
        rows += [
            Row(
                name=f"time until it is said: {name}",
                unit="hours, median; the interval holds 95 % of them",
                ours=digits(hours(statistics.median(known))),
                interval=(digits(hours(quantile(known, 0.025))), digits(hours(quantile(known, 0.975)))),
                peer=digits(hours(statistics.median(at))) if effect and at else None,
                peer_name=one if effect else "",
                n=len(known),
            )
            for one, at in peer.items()
        ]
    return rows


def _share(said: Iterable[bool]) -> float:
    values = list(said)
    return digits(sum(values) / len(values))


def markdown(found: Results) -> str:
    """The results as a table, the peers' columns beside ours."""
    on = found.machine
    lines = ["# Benchmark: versions", ""]
    lines += [
        f"{on.cpu_model}, {on.cores} cores, Python {on.python}; commit {found.commit}, {found.date}.",
        "",
    ]
    lines += [f"- {key}: {value}" for key, value in found.method.items()]
    peers = list(dict.fromkeys(row.peer_name for row in found.figures if row.peer is not None))
    lines += ["", "| figure | unit | n | ours [95 %] | " + " | ".join(peers) + " | target | met |"]
    lines += ["|---|---|---:|---:|" + "---:|" * len(peers) + "---|---|"]
    for name in dict.fromkeys(row.name for row in found.figures):
        mine = [row for row in found.figures if row.name == name]
        first, beside = mine[0], {row.peer_name: row.peer for row in mine}
        interval = "" if first.interval is None else f" [{first.interval[0]:g}, {first.interval[1]:g}]"
        others_ = " | ".join("" if beside.get(peer) is None else f"{beside[peer]:g}" for peer in peers)
        met = {True: "yes", False: "**no**", None: ""}.get(first.met, first.met)  # type: ignore[arg-type]
        lines.append(
            f"| {name} | {first.unit} | {first.n} | {first.ours:g}{interval} | {others_}"
            f" | {first.target or ''} | {met} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a program."""
    parser = argparse.ArgumentParser(prog="python -m bench.versions", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run; its numbers mean nothing")
    parser.add_argument("--runs", type=int, default=RUNS, help="services for every rate of errors")
    parser.add_argument("--effect-runs", type=int, default=EFFECT_RUNS, help="services for every effect")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--output", type=Path, help="where to write instead of bench/results")
    options = parser.parse_args(arguments)
    ablation_runs = ABLATION_RUNS
    if options.quick:
        options.runs = options.effect_runs = ablation_runs = 2
    found = run(options.runs, options.effect_runs, ablation_runs, processes=options.processes)
    if options.output is not None or not options.quick:
        results.keep("versions", found, markdown(found), options.output or results.DIRECTORY)
    print(markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
