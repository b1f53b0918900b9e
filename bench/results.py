"""Writes what was measured: NAME.json in the layout all benches share, its raw values, a Markdown table."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import msgspec
from bench.comparison import JUDGED_ROUNDS, Figure, Measured, digits
from bench.measure.machine import Machine
from bench.measure.statistics import estimate
from bench.peers.registry import DIRECT

DIRECTORY = Path(__file__).resolve().parent / "results"


class Run(msgspec.Struct, kw_only=True):
    """What every `bench/results/NAME.json` begins with."""

    machine: Machine
    commit: str
    date: str
    method: dict[str, str]


class Results(Run, kw_only=True):
    """The content of `bench/results/NAME.json`. `values` are medians per figure and subject."""

    subjects: dict[str, str]
    failures: dict[str, int]
    """Requests that failed, by proxy and error."""
    figures: list[Figure]
    values: dict[str, dict[str, float]]


def medians(measured: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """The median of every figure's subjects, for the table of absolute values."""
    found: dict[str, dict[str, float]] = {}
    for figure in measured:
        row = {}
        for name, values in figure.values.items():
            middle = estimate(values)
            if middle is not None:
                row[name] = digits(middle.median)
        name = f"{figure.name}, not yet less direct" if figure.added else figure.name
        found[f"{name} [{figure.unit}]"] = row
    return found


def today() -> str:
    """The date of the run, UTC."""
    return dt.datetime.now(dt.UTC).date().isoformat()


def write(name: str, results: Results, measured: Sequence[Measured], directory: Path = DIRECTORY) -> None:
    """Write JSON, raw values and Markdown."""
    raw = directory / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    keep(name, results, markdown(name, results), directory)
    (raw / f"{name}.json").write_bytes(msgspec.json.encode(list(measured)))


def keep(name: str, found: Run, page: str, directory: Path = DIRECTORY) -> None:
    """Write NAME.json, and its page as NAME.md."""
    directory.mkdir(parents=True, exist_ok=True)
    encoded = msgspec.json.format(msgspec.json.encode(found), indent=1)
    (directory / f"{name}.json").write_bytes(encoded + b"\n")
    (directory / f"{name}.md").write_text(page, encoding="utf-8")


def markdown(name: str, results: Results) -> str:
    """The results as two tables: ratios with their targets, and the medians behind them."""
    machine = results.machine
    where = f"{machine.cpu_model}, {machine.cores} cores, Linux {machine.kernel}, Python {machine.python}"
    when = f"commit {results.commit}, {results.date}; load average before: {machine.load_average_before:g}"
    lines = [
        f"# Benchmark: {name}",
        "",
        f"{where}; {when}.",
        "",
        *(f"- {key}: {value}" for key, value in results.method.items()),
        "",
        "## Ratios",
        "",
        "| figure | ours | | peer | | ratio [95 %] | A/A [95 %] | target | met |",
        "|---|---|---:|---|---:|---:|---:|---:|---|",
        *(ratio_line(figure) for figure in results.figures),
        "",
        "## Targets missed, and why",
        "",
        *([_missed_line(figure) for figure in results.figures if figure.met is False] or ["none"]),
        "",
        "## Medians",
        "",
    ]
    known = {DIRECT, *results.subjects}
    proxied = {figure: row for figure, row in results.values.items() if len(known & row.keys()) > 1}
    subjects = [name for name in (DIRECT, *results.subjects) if any(name in row for row in proxied.values())]
    lines += ["| figure | " + " | ".join(subjects) + " |", "|---|" + "---:|" * len(subjects)]
    for figure, row in proxied.items():
        cells = " | ".join(f"{row[subject]:g}" if subject in row else "" for subject in subjects)
        lines.append(f"| {figure} | {cells} |")
    failed = [f"- {what}: {count}" for what, count in results.failures.items()]
    lines += ["", "## Requests that failed", "", *(failed or ["none"])]
    lines += ["", "## Who is who", ""]
    lines += [f"- **{subject}**: {what}" for subject, what in results.subjects.items()]
    return "\n".join(lines) + "\n"


def ratio_line(row: Figure) -> str:
    """One row of the table of ratios."""
    target = row.target or ""
    if row.ratio is None or row.ours is None or row.peer is None or row.interval is None:
        return f"| {row.name} | {row.subject} | | {row.peer_name} | | | | {target} | not had: {row.reason} |"
    cells = (
        row.name,
        row.subject,
        f"{row.ours:g}",
        row.peer_name,
        f"{row.peer:g} {row.unit}",
        f"{row.ratio:g} {_interval(row.interval)}",
        _interval(row.aa_interval),
        target,
        _met(row),
    )
    return f"| {' | '.join(cells)} |"


def _met(row: Figure) -> str:
    if isinstance(row.met, str):
        return row.met if row.n >= JUDGED_ROUNDS else f"not judged: n={row.n}"
    return {True: "yes", False: "**no**", None: ""}[row.met]


def _missed_line(row: Figure) -> str:
    what = f"**{row.name}, {row.subject} beside {row.peer_name}** ({row.ratio:g}, target {row.target})"
    return f"- {what}: {row.reason or 'no reason is known'}"


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"[{interval[0]:g}, {interval[1]:g}]"
