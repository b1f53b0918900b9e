"""From replayed streams to rows: false-alarm episodes a week, shares found and delays, beside the others.

Intervals are 95 %: of rates Garwood's for Poisson counts (1936), of shares Wilson's (1927). Streams of one
kind are pooled, and trials of one stream share its baseline, so intervals are somewhat too narrow.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import msgspec
from bench.comparison import digits
from bench.drifting.others import PROCEDURES
from bench.drifting.replay import JUDGED, OURS, Found

from llmmonitor_api.report.features import NUMERIC
from llmmonitor_operator.distributions.gamma import upper_quantile

MOST_A_WEEK = 2.0
"""False-alarm episodes of a monitor: what signals.md says this procedure keeps to."""
FOUND = "found"
_Z = 1.96


class Row(msgspec.Struct, kw_only=True):
    """One figure of every procedure; None where a procedure does not say."""

    stream: str
    name: str
    unit: str
    n: int
    change: str = ""
    """What was done to the stream; empty: nothing."""
    feature: str = ""
    """By which it is found; `any` for whichever."""
    ours: float | None
    interval: tuple[float, float] | None = None
    """95 %, of ours."""
    delay: float | None = None
    """Windows until it was found, median of those that were."""
    peers: dict[str, float | None] = {}
    target: str = ""
    met: bool | str | None = None
    """`indistinguishable` where the interval holds the target."""


def rows(found: Sequence[Found]) -> list[Row]:
    """By kind of stream: false alarms first, then each disturbance."""
    result = []
    for kind in dict.fromkeys(one.kind for one in found):
        mine = [one for one in found if one.kind == kind]
        result += [_false_alarms(kind, mine), _alarmed(kind, mine), _overdispersion(kind, mine)]
        for disturbance in mine[0].delays:
            for feature in ("any", *JUDGED):
                result += _detection(kind, mine, disturbance, feature)
            result.append(_cause(kind, mine, disturbance))
    return result


def _false_alarms(kind: str, found: Sequence[Found]) -> Row:
    weeks = sum(one.weeks for one in found)
    totals = {name: sum(one.episodes[name]["any"] for one in found) for name in (OURS, *PROCEDURES)}
    low, high = poisson(totals[OURS], weeks)
    met: bool | str = high <= MOST_A_WEEK
    if low <= MOST_A_WEEK < high:
        met = "indistinguishable"
    return Row(
        stream=kind,
        name="false-alarm episodes",
        unit="a week, any feature",
        n=round(weeks),
        ours=digits(totals[OURS] / weeks),
        interval=(digits(low), digits(high)),
        peers={name: digits(totals[name] / weeks) for name in PROCEDURES},
        target=f"<= {MOST_A_WEEK:g}",
        met=met,
    )


def _alarmed(kind: str, found: Sequence[Found]) -> Row:
    windows = sum(one.windows for one in found)
    shares = {name: sum(one.alarmed[name] for one in found) / windows for name in (OURS, *PROCEDURES)}
    return Row(
        stream=kind,
        name="windows in false alarm",
        unit="share",
        n=windows,
        ours=digits(shares[OURS]),
        interval=wilson(shares[OURS], windows),
        peers={name: digits(shares[name]) for name in PROCEDURES},
    )


def _overdispersion(kind: str, found: Sequence[Found]) -> Row:
    values = [value for one in found for value in one.overdispersion.values()]
    return Row(
        stream=kind,
        name="overdispersion of the index",
        unit="times that of independent requests; median of features and streams, the interval holds all",
        n=len(values),
        ours=digits(statistics.median(values)) if values else None,
        interval=(digits(min(values)), digits(max(values))) if values else None,
    )


def _detection(kind: str, found: Sequence[Found], disturbance: str, feature: str) -> list[Row]:
    delays = {
        name: [
            delay for one in found for delay in one.delays.get(disturbance, {}).get(name, {}).get(feature, [])
        ]
        for name in (OURS, *PROCEDURES)
    }
    n = len(delays[OURS])
    if not n:
        return []
    known = [name for name in PROCEDURES if feature == "any" or feature in NUMERIC]
    shares = {name: sum(delay is not None for delay in delays[name]) / n for name in (OURS, *known)}
    hits = [delay for delay in delays[OURS] if delay is not None]
    return [
        Row(
            stream=kind,
            name=FOUND,
            unit="share within 6 windows",
            change=disturbance,
            feature=feature,
            n=n,
            ours=digits(shares[OURS]),
            interval=wilson(shares[OURS], n),
            delay=statistics.median(hits) if hits else None,
            peers={name: digits(shares[name]) for name in known},
        )
    ]


def _cause(kind: str, found: Sequence[Found], disturbance: str) -> Row:
    said = [one.said.get(disturbance, {}) for one in found]
    n = sum(sum(one.values()) for one in said)
    suspected = sum(one.get("suspect the model", 0) for one in said)
    return Row(
        stream=kind,
        name="the model is suspected",
        unit="share of those found in which the model is suspected",
        change=disturbance,
        n=n,
        ours=digits(suspected / n) if n else None,
        interval=wilson(suspected / n, n) if n else None,
    )


def poisson(number: int, weeks: float) -> tuple[float, float]:
    """Garwood's interval of a rate."""
    low = upper_quantile(0.975, number) / weeks if number else 0.0
    return low, upper_quantile(0.025, number + 1) / weeks


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's interval of a share."""
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return digits(max(0.0, middle - half) if share else 0.0), digits(min(1.0, middle + half))
