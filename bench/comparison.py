"""From what was measured per round to the rows of the results: ratios, intervals, verdicts. Pure."""

import math
from collections.abc import Sequence

import msgspec
from bench.measure.statistics import Estimate, estimate, ratios, verdict
from bench.peers.registry import DIRECT

AGAIN = " again"
"""Suffix of a subject that is the same proxy measured a second time in each round: the A/A row."""

JUDGED_ROUNDS = 5
"""With fewer rounds the bootstrap interval says nothing, and no target counts as met or missed."""


class Target(msgspec.Struct, frozen=True):
    """What one of ours should reach beside a peer; without a limit the ratio is only shown.

    `if_missed` is what is known of why it is missed, where it is: the reason in the row.
    """

    ours: str
    peer: str
    limit: float | None = None
    at_least: bool = False
    if_missed: str = ""


class Measured(msgspec.Struct, frozen=True):
    """One figure: a value per round and subject. `added`: what counts is the excess over the direct path."""

    name: str
    unit: str
    values: dict[str, list[float]]
    targets: Sequence[Target] = ()
    added: bool = False
    note: str = ""


class Figure(msgspec.Struct, kw_only=True):
    """One row of the results.

    Numbers are medians over `n` rounds; `interval` is the ratio's 95 % bootstrap interval, `spread` the
    median absolute deviation of the rounds' ratios. `met` is true, false, "indistinguishable", or null where
    there is no target or no figure. `reason` says why there is none, or why the target is missed.
    """

    name: str
    subject: str
    ours: float | None = None
    peer: float | None = None
    peer_name: str
    unit: str
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    target: str | None = None
    met: bool | str | None = None
    n: int = 0
    spread: float | None = None
    aa_interval: tuple[float, float] | None = None
    note: str = ""
    reason: str = ""


def rows(measured: Measured, unavailable: dict[str, str]) -> list[Figure]:
    """The figure's rows: one A/A row for each of ours that was measured twice, and one for each target."""
    found = []
    aa_intervals = {}
    for again in [name for name in measured.values if name.endswith(AGAIN)]:
        row = _row(measured, Target(again, again.removesuffix(AGAIN)), unavailable)
        row.subject, row.peer_name = row.peer_name, f"{row.peer_name}, measured again (A/A)"
        aa_intervals[row.subject] = row.interval
        found.append(row)
    for target in measured.targets:
        row = _row(measured, target, unavailable)
        row.aa_interval = aa_intervals.get(target.ours)
        found.append(row)
    return found


def _row(measured: Measured, target: Target, unavailable: dict[str, str]) -> Figure:
    ours, peers = measured.values.get(target.ours), measured.values.get(target.peer)
    row = Figure(
        name=measured.name,
        subject=target.ours,
        peer_name=target.peer,
        unit=measured.unit,
        target=_words(target),
        note=measured.note,
    )
    directs = measured.values.get(DIRECT) if measured.added else None
    if not ours or not peers or (measured.added and not directs):
        missing = [name for name in (target.ours, target.peer, DIRECT) if name in unavailable]
        row.reason = "; ".join(unavailable[name] for name in missing) or "not measured"
        return row
    own, other = estimate(_excess(ours, directs)), estimate(_excess(peers, directs))
    found = estimate(ratios(ours, peers, directs))
    if own is None or other is None or found is None:
        row.reason = "the peer's value was not measurable in any round"
        return row
    _fill(row, own, other, found)
    if target.limit is not None and found.rounds < JUDGED_ROUNDS:
        row.met = "indistinguishable"
    elif target.limit is not None:
        judged = verdict(found, target.limit, at_least=target.at_least)
        row.met = judged if judged == "indistinguishable" else judged == "met"
        row.reason = target.if_missed if row.met is False else ""
    return row


def _fill(row: Figure, own: Estimate, other: Estimate, found: Estimate) -> None:
    row.ours, row.peer, row.ratio = digits(own.median), digits(other.median), digits(found.median)
    row.interval = (digits(found.low), digits(found.high))
    row.n, row.spread = found.rounds, digits(found.spread)


def _excess(values: Sequence[float], directs: Sequence[float] | None) -> list[float]:
    if directs is None:
        return list(values)
    return [value - direct for value, direct in zip(values, directs, strict=True)]


def _words(target: Target) -> str | None:
    if target.limit is None:
        return None
    return f"{'≥' if target.at_least else '≤'} {target.limit:g}"


def limit_of(figure: Figure) -> float:
    """The number in a row's target; 1 where it has none."""
    return float(figure.target.strip("≤≥ ")) if figure.target else 1.0


def digits(value: float) -> float:
    """The value with three significant digits: what the rounds support at most."""
    if not math.isfinite(value) or value == 0:
        return value
    return round(value, 2 - math.floor(math.log10(abs(value))))
