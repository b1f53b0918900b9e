"""What was measured of the operator and of Prometheus, and the figures made of it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.comparison import Measured, Target

OPERATOR = "operator"
PROMETHEUS = "Prometheus"
ONE_A_MINUTE = "1 a minute"
THREE_SECONDS = "3 s"
ONE_PERCENT = "1 %"
FIFTEEN_SECONDS = "15 s"
LIMITS = (ONE_A_MINUTE, THREE_SECONDS, ONE_PERCENT, FIFTEEN_SECONDS)
CPU_RATIO = 0.5
MEMORY_RATIO = 0.3
_GROUPS = 10


@dataclass(slots=True)
class Round:
    """A minute or so of the operator, and another one of Prometheus."""

    cores: dict[str, float] = field(default_factory=dict)
    """CPU seconds a second, by subject."""
    rss_mib: dict[str, float] = field(default_factory=dict)
    pss_mib: dict[str, float] = field(default_factory=dict)
    status_writes: float = 0.0
    """Per monitor and minute."""
    writes: float = 0.0
    """A minute, besides Leases."""
    reports: float = 0.0
    """Per sidecar in 15 s."""
    scrapes: float = 0.0
    """That succeeded, per sidecar in 15 s."""
    pass_milliseconds: float = 0.0
    """The mean of a pass over one monitor."""
    oldest_evaluation_seconds: float = 0.0
    """Of all monitors that `/metrics` shows, at the round's end."""
    scrape_cpu_seconds: float = 0.0
    """Of the operator while it answers one request for its own `/metrics`, other work included."""


@dataclass(slots=True)
class Seen:
    """Everything."""

    busy: list[Round] = field(default_factory=list)
    idle: list[Round] = field(default_factory=list)
    changes: dict[str, list[float]] = field(default_factory=dict)
    """`parts.Change.seconds`, by what was changed."""
    first_token_errors: list[float] = field(default_factory=list)
    """Percent by which each monitor's p99 in status differs from the exact one."""
    failures: Counter[str] = field(default_factory=Counter)
    notes: dict[str, str] = field(default_factory=dict)


def beside(rounds: list[Round], others: list[Round]) -> None:
    """Put what Prometheus took beside what the operator did, round by round."""
    for one, other in zip(rounds, others, strict=True):
        one.cores |= other.cores
        one.rss_mib |= other.rss_mib
        one.pss_mib |= other.pss_mib
        one.scrapes = other.scrapes


def figures(seen: Seen) -> list[Measured]:
    """All rows."""
    return [
        *_costs("with traffic", seen.busy),
        *_costs("without traffic", seen.idle),
        _limited(
            "status writes per monitor and minute, with traffic",
            "writes",
            [one.status_writes for one in seen.busy],
            ONE_A_MINUTE,
            1.0,
            1.0,
        ),
        _limited(
            "writes a minute, without traffic",
            "writes",
            [one.writes for one in seen.idle],
            ONE_A_MINUTE,
            1.0,
            0.0,
            note="everything but the Lease",
        ),
        *(
            _limited(f"changed configuration in force: {what}", "s", seconds, THREE_SECONDS, 3.0, 1.0)
            for what, seconds in seen.changes.items()
        ),
        _limited(
            "error of the merged TTFT p99, each monitor", "%", seen.first_token_errors, ONE_PERCENT, 1.0, 1.0
        ),
        _limited(
            "error of the merged TTFT p99, the worst of each tenth of the monitors",
            "%",
            _worst(seen.first_token_errors),
            ONE_PERCENT,
            1.0,
            1.0,
        ),
        _limited(
            "age of the oldest evaluation, with traffic",
            "s",
            [one.oldest_evaluation_seconds for one in seen.busy],
            FIFTEEN_SECONDS,
            15.0,
        ),
        Measured(
            "reports read per sidecar in 15 s, with traffic",
            "reports",
            {OPERATOR: [one.reports for one in seen.busy], PROMETHEUS: [one.scrapes for one in seen.busy]},
            (Target(OPERATOR, PROMETHEUS, 0.98, at_least=True),),
            note="an operator that does less often what it should is cheaper",
        ),
        _limited(
            "one pass over a monitor, mean",
            "s",
            [one.pass_milliseconds / 1000 for one in seen.busy],
            FIFTEEN_SECONDS,
            15.0,
        ),
        _limited(
            "CPU of one scrape of the operator's own `/metrics`, between the rounds with traffic",
            "s",
            [one.scrape_cpu_seconds for one in seen.busy],
            FIFTEEN_SECONDS,
            15.0,
        ),
    ]


def _costs(when: str, rounds: Sequence[Round]) -> list[Measured]:
    cpu, memory = Target(OPERATOR, PROMETHEUS, CPU_RATIO), Target(OPERATOR, PROMETHEUS, MEMORY_RATIO)
    return [
        Measured(f"CPU, {when}", "cores", _by_subject([one.cores for one in rounds]), (cpu,)),
        Measured(f"RSS, {when}", "MiB", _by_subject([one.rss_mib for one in rounds]), (memory,)),
        Measured(
            f"PSS, {when}",
            "MiB",
            _by_subject([one.pss_mib for one in rounds]),
            (Target(OPERATOR, PROMETHEUS),),
        ),
    ]


def _by_subject(rounds: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    subjects = dict.fromkeys(subject for one in rounds for subject in one)
    return {subject: [one[subject] for one in rounds if subject in one] for subject in subjects}


def _limited(  # noqa: PLR0913, PLR0917 - a row
    name: str,
    unit: str,
    values: list[float],
    limit: str,
    of_limit: float,
    most: float | None = None,
    note: str = "",
) -> Measured:
    """A figure beside a fixed number: at most `most` times that number."""
    targets = (Target(OPERATOR, limit, most),)
    return Measured(name, unit, {OPERATOR: values, limit: [of_limit] * len(values)}, targets, note=note)


def _worst(errors: Sequence[float]) -> list[float]:
    size = max(1, len(errors) // _GROUPS)
    return [max(errors[at : at + size]) for at in range(0, len(errors), size)]
