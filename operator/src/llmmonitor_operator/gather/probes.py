"""Puts replicas' parts of rounds of probes together.

A report says its newest rounds whole, so a second reading changes nothing. Where two replicas asked the same
(their shares changed meanwhile), the one with more answers counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import zip_longest

import msgspec

from llmmonitor_api.report.probing import (
    NOT_ASKED,
    RESULTS_LIMIT,
    PairOutcomes,
    ProbeResult,
    ProbeRound,
    Probing,
)
from llmmonitor_operator.quality_kept import (
    PAIRS_LIMIT,
    ROUNDS_LIMIT,
    Outcome,
    PairsKept,
    QualityKept,
    Round,
    key_of,
)

_AHEAD_SECONDS = 60.0


def with_probes(kept: QualityKept, reports: Collection[Probing], now: float) -> QualityKept:
    """What is known with these reports in it; the same object if they say nothing new.

    Args:
        kept: what was known.
        reports: of sidecars whose reports were taken.
        now: Unix seconds; a round from the future is not taken.
    """
    rounds = {_name(one): one for one in kept.rounds}
    for probing in reports:
        for one in probing.rounds:
            if one.started <= now + _AHEAD_SECONDS:
                name = (one.started, one.version, probing.plan)
                before = rounds.get(name) or Round(one.started, one.version, probing.plan, one.items)
                rounds[name] = _with(before, one, now)
    newest = _in_order(rounds.values())[-ROUNDS_LIMIT:]
    pairs = _pairs(kept.pairs, [one for probing in reports for one in probing.pairs])
    if (newest, pairs) == (kept.rounds, kept.pairs):
        return kept
    return QualityKept(newest, _baseline(kept, newest), pairs)


def _in_order(rounds: Collection[Round]) -> tuple[Round, ...]:
    """By when they began, plan after plan: without a schedule a round's name is no time."""
    heard: dict[str, float] = {}
    for one in rounds:
        heard[one.plan] = max(heard.get(one.plan, 0.0), one.started, one.ended)
    return tuple(sorted(rounds, key=lambda one: (heard[one.plan], one.plan, one.started, one.ended)))


def _pairs(kept: tuple[PairsKept, ...], reported: Iterable[PairOutcomes]) -> tuple[PairsKept, ...]:
    """A scenario counts as it came out first: asked again, it is no new evidence."""
    known = {(one.attribute, one.version): one for one in kept}
    for one in reported:
        key = (one.attribute, one.version)
        new = PairsKept(one.attribute, one.version, one.suite_version, one.groups, one.outcomes)
        before = known.get(key)
        if before is None or before.suite_version < new.suite_version:
            known.pop(key, None)
            known[key] = new
        elif before.suite_version == new.suite_version:
            known[key] = msgspec.structs.replace(before, outcomes=_first(before.outcomes, new.outcomes))
    return tuple(known.values())[-PAIRS_LIMIT:]


def _first(before: str, new: str) -> str:
    return "".join(
        there if there != NOT_ASKED else said for there, said in zip_longest(before, new, fillvalue=NOT_ASKED)
    )


def _name(one: Round) -> tuple[float, str, str]:
    return one.started, one.version, one.plan


def _with(known: Round, part: ProbeRound, now: float) -> Round:
    results = dict(known.results)
    for result in part.results:
        key = key_of(result.suite, result.name)
        before = results.get(key)
        if before is None and len(results) >= RESULTS_LIMIT:
            continue
        if before is None or result.judged > before.judged:
            results[key] = _outcome(result)
    if results == known.results:
        return known
    return msgspec.structs.replace(known, results=results, ended=max(known.ended, min(part.ended, now)))


def _outcome(result: ProbeResult) -> Outcome:
    return Outcome(result.passed, result.failed, result.unanswered, result.broken)


def _baseline(kept: QualityKept, rounds: tuple[Round, ...]) -> Round | None:
    """The same until a version has its first complete round: then the last of the version before."""
    newest = next((one for one in reversed(rounds) if one.complete), None)
    if newest is None:
        return kept.baseline
    of_plan = [one for one in rounds if one.complete and one.plan == newest.plan]
    if kept.baseline is None or kept.baseline.plan != newest.plan:
        return of_plan[0]
    judged = next((one.version for one in reversed(kept.rounds) if one.complete), newest.version)
    if newest.version == judged:
        return kept.baseline
    return next((one for one in reversed(of_plan) if one.version == judged), kept.baseline)
