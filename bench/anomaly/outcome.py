"""From what was replayed to the rows of the results: rates with intervals, detection, delays. Pure.

Services differ more than their months do, so intervals are of the services: a bootstrap over them (Efron &
Tibshirani 1993, ch. 13). Where no alarm was seen in T months, the rate is bounded by 3/T.
"""

import random
import statistics
from collections.abc import Sequence

import msgspec
from bench.anomaly.replay import FAULTS, OURS, Found
from bench.anomaly.textbook import PROCEDURES
from bench.comparison import digits
from bench.measure.statistics import RESAMPLES, quantile

from llmmonitor_operator.anomalies.signals import FAMILIES
from llmmonitor_operator.anomalies.watch import MOST_ALARMS_A_MONTH


class Row(msgspec.Struct, kw_only=True):
    """One figure. `met` is "indistinguishable" where the interval holds the target, null without a target."""

    name: str
    unit: str
    ours: float | None
    interval: tuple[float, float] | None = None
    """95 %, of ours."""
    peer: float | None = None
    peer_name: str
    ratio: float | None = None
    target: str | None = None
    met: bool | str | None = None
    n: int = 0
    spread: float | None = None
    """Median absolute deviation over the services, or over the trials."""
    reason: str = ""
    """Why there is no figure."""


def rows(found: Sequence[Found]) -> list[Row]:
    """False alarms, then faults found and their delays, each beside every textbook procedure."""
    result = []
    for family in FAMILIES:
        rates = {
            name: [one.alarms[name][family] / one.months for one in found] for name in (OURS, *PROCEDURES)
        }
        result += [
            _false_alarms(family, rates, name, sum(one.months for one in found)) for name in PROCEDURES
        ]
    for fault in FAULTS:
        trials = {name: [one.delays[fault][name] for one in found] for name in (OURS, *PROCEDURES)}
        result += [_share(fault, trials, name) for name in PROCEDURES]
        result += [_delay(fault, trials, name) for name in PROCEDURES]
        result.append(_change_point(fault, [error for one in found for error in one.errors[fault]]))
    return result


def _false_alarms(family: str, rates: dict[str, list[float]], peer: str, months: float) -> Row:
    ours, other = statistics.fmean(rates[OURS]), statistics.fmean(rates[peer])
    low, high = _interval(rates[OURS])
    if not ours:
        low, high = 0.0, 3 / months
    met: bool | str = high <= MOST_ALARMS_A_MONTH
    if low <= MOST_ALARMS_A_MONTH < high:
        met = "indistinguishable"
    return Row(
        name=f"false alarms, {family}",
        unit="in 30 days",
        ours=digits(ours),
        interval=(digits(low), digits(high)),
        peer=digits(other),
        peer_name=peer,
        ratio=digits(ours / other) if other else None,
        target=f"<= {MOST_ALARMS_A_MONTH:g}",
        met=met,
        n=round(months),
        spread=digits(_spread(rates[OURS])),
    )


def _share(fault: str, trials: dict[str, list[list[float | None]]], peer: str) -> Row:
    shares = {
        name: [sum(delay is not None for delay in one) / len(one) for one in by_service if one]
        for name, by_service in trials.items()
    }
    n = sum(map(len, trials[OURS]))
    name = f"found within 2 h: {fault}"
    if not n:
        return Row(name=name, unit="share", ours=None, peer_name=peer, reason="nothing was tried")
    ours, other = (statistics.fmean(shares[one]) if shares[one] else None for one in (OURS, peer))
    return Row(
        name=name,
        unit="share",
        ours=None if ours is None else digits(ours),
        interval=tuple(map(digits, _interval(shares[OURS]))),  # type: ignore[arg-type] # two of them
        peer=None if other is None else digits(other),
        peer_name=peer,
        ratio=digits(ours / other) if ours is not None and other else None,
        n=n,
        spread=digits(_spread(shares[OURS])),
        reason="" if other is not None else f"{peer} had an alarm already whenever a fault began",
    )


def _delay(fault: str, trials: dict[str, list[list[float | None]]], peer: str) -> Row:
    found = {name: [d for one in trials[name] for d in one if d is not None] for name in (OURS, peer)}
    name = f"time to detection: {fault}"
    if not found[OURS]:
        return Row(name=name, unit="minutes", ours=None, peer_name=peer, reason="none was found within 2 h")
    ours, other = (statistics.median(found[one]) if found[one] else None for one in (OURS, peer))
    return Row(
        name=name,
        unit="minutes, median of those found",
        ours=None if ours is None else digits(ours),
        interval=(digits(quantile(found[OURS], 0.025)), digits(quantile(found[OURS], 0.975))),
        peer=None if other is None else digits(other),
        peer_name=peer,
        ratio=digits(ours / other) if ours and other else None,
        n=len(found[OURS]),
        spread=digits(_spread(found[OURS])),
    )


def _change_point(fault: str, errors: Sequence[float]) -> Row:
    name, none = f"change point, late by: {fault}", "the true begin"
    if not errors:
        return Row(name=name, unit="minutes", ours=None, peer_name=none, reason="none was found within 2 h")
    return Row(
        name=name,
        unit="minutes, median; the interval holds half of them",
        ours=digits(statistics.median(errors)),
        interval=(digits(quantile(errors, 0.25)), digits(quantile(errors, 0.75))),
        peer_name=none,
        n=len(errors),
        spread=digits(_spread(errors)),
    )


def _interval(values: Sequence[float], seed: int = 7) -> tuple[float, float]:
    """95 % percentile-bootstrap interval of the mean."""
    chance = random.Random(seed)
    means = sorted(statistics.fmean(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES) - 1]


def _spread(values: Sequence[float]) -> float:
    middle = statistics.median(values)
    return statistics.median(abs(value - middle) for value in values)
