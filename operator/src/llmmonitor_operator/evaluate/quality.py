"""QualityHealthy: the newest complete round of probes passed, and nothing got worse by more than chance.

An owner's probe passes when most of its answers do. A built-in suite fails only when it is sure that less
than `minPassed` of its items pass: what a small model cannot do is no fault of today. Outcomes of live
traffic are judged beside probes (`outcomes.py`); what fails in probes is said first.
"""

from __future__ import annotations

from llmmonitor_api.conditions import reasons_content as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_api.report.probing import UNAUTHORIZED
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.bias import (
    bias_standings,
    found_in_words,
    holding_in_words,
    not_enough_in_words,
)
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict, nothing_to_judge_by
from llmmonitor_operator.evaluate.outcomes import with_outcomes
from llmmonitor_operator.evaluate.probes import ProbesStanding, probes_standing

_SHOWN = 5
STALE_ROUNDS = 3
"""A round older than so many of the schedule says nothing of now."""


def judge(inputs: Inputs) -> Verdict:
    """By the rounds, by what keeps probes from being sent, and by outcomes that have a limit."""
    quality = inputs.settings.quality
    if quality.plan is None and not (quality.outcomes is not None and quality.outcomes.limited):
        unsaid = "outcomes have no limit: the status shows them" if quality.outcomes is not None else ""
        return Verdict(
            shared.NOT_CONFIGURED, unsaid or "no probes or suites are given, nor limits of outcomes"
        )
    if nothing := nothing_to_judge_by(inputs):
        return nothing
    return with_outcomes(_of_probes(inputs) if quality.plan is not None else None, inputs)


def _of_probes(inputs: Inputs) -> Verdict:
    if refused := _waiting(inputs, only=UNAUTHORIZED):
        return Verdict(reasons.PROBES_UNAUTHORIZED, refused)
    return _judged(inputs, probes_standing(inputs.settings.quality, inputs.state.quality))


def _judged(inputs: Inputs, standing: ProbesStanding) -> Verdict:
    if pending := _pending(inputs, standing):
        return Verdict(reasons.PROBES_PENDING, pending)
    if broken := _broken(inputs, standing):
        return Verdict(reasons.PROBE_FAILED, f"{broken}; {_round(standing)}")
    bias = bias_standings(inputs)
    if differs := found_in_words(bias):
        return Verdict(reasons.BIAS_FOUND, differs)
    if standing.regressed and standing.change is not None:
        return Verdict(reasons.REGRESSED, f"{standing.change.words} {_since(standing)}; {_round(standing)}")
    holding = "; ".join(filter(None, [*_holding(inputs, standing), holding_in_words(bias), _round(standing)]))
    if few := not_enough_in_words(bias):
        return Verdict(reasons.NOT_ENOUGH_PAIRS, "; ".join(filter(None, [few, _waiting(inputs), holding])))
    judged_by = standing.own or standing.suites or bias or not standing.untrusted
    return Verdict(reasons.PROBES_PASS if judged_by else reasons.JUDGE_NOT_TRUSTED, holding)


def _pending(inputs: Inputs, standing: ProbesStanding) -> str:
    """Why there is no round to judge by; empty if there is one."""
    plan = inputs.settings.quality.plan
    schedule = plan.schedule_seconds if plan is not None else None
    why = _waiting(inputs)
    if standing.round is None:
        under_way = standing.under_way
        begun = (
            f"{len(under_way.results)} of {under_way.items} probes are done" if under_way else "no round yet"
        )
        return "; ".join(filter(None, [begun, why, *_next(inputs)]))
    if standing.round.items and not standing.answers:
        return f"none of {wording.count(standing.round.items)} probes got an answer: {_unanswered(standing)}"
    age = inputs.now - standing.round.ended
    limit = max(STALE_ROUNDS * (schedule or 0.0), inputs.settings.hold_for_seconds)
    if schedule is not None and standing.round.items and age > limit:
        return "; ".join(filter(None, [f"the last whole round ended {wording.duration(age)} ago", why]))
    return ""


def _next(inputs: Inputs) -> list[str]:
    due = [one.probing.next_round for _, one in inputs.fresh if one.probing and one.probing.next_round]
    return [f"the next round begins at {wording.moment(min(due))}"] if due else []


def _waiting(inputs: Inputs, only: str = "") -> str:
    """What keeps probes from being sent, by pod.

    Args:
        inputs: what is known of the pods.
        only: by this alone, of `Probing.waits`; empty: by anything.
    """
    found: dict[str, list[str]] = {}
    for name, source in inputs.fresh:
        probing = source.probing
        if probing is None:
            if not only:
                found.setdefault("its sidecar is of a version that sends no probes", []).append(name)
        elif probing.waits and only in {"", probing.waits}:
            found.setdefault(probing.message, []).append(name)
    return "; ".join(f"{wording.listed(names)}: {why}" for why, names in found.items())


def _broken(inputs: Inputs, standing: ProbesStanding) -> str:
    failed = [
        f"{name}: {wording.count(one.failed)} of {wording.counted(one.judged, 'answer')} failed"
        f" ({one.broken})"
        for name, one in sorted(standing.own.items())
        if one.judged and not one.passes
    ]
    least = inputs.settings.quality.min_passed
    failed += [
        f"{one.words} items pass, less than {wording.share(least)}"
        for one in standing.suites
        if one.fails(least)
    ]
    return "; ".join(failed[:_SHOWN]) + (f" and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else "")


def _holding(inputs: Inputs, standing: ProbesStanding) -> list[str]:
    judged = [one for one in standing.own.values() if one.judged]
    parts = [f"{len(judged)} of {wording.counted(len(standing.own), 'probe')} pass"] if standing.own else []
    parts += [one.words for one in standing.suites]
    if standing.change is not None:
        parts.append(f"{standing.change.words} {_since(standing)}")
    parts += _judge(standing)
    parts += [f"not answered: {missing}"] if (missing := _unanswered(standing)) else []
    return [*parts, *_not_asked(inputs)]


def _judge(standing: ProbesStanding) -> list[str]:
    """How far the judge is trusted, and what it says where it is not."""
    if standing.agreement is None:
        return []
    graded = [
        f"{name} {one.passed} of {one.judged} good"
        for name, one in sorted(standing.untrusted.items())
        if one.judged
    ]
    shown = f"not judged by it: {wording.listed(graded, _SHOWN)}" if graded else ""
    return [standing.agreement.words, *([shown] if shown else [])]


def _not_asked(inputs: Inputs) -> list[str]:
    plan = inputs.settings.quality.plan
    unknown = sorted(
        {name for _, one in inputs.fresh if one.probing is not None for name in one.probing.unknown_suites}
    )
    left_out = plan.left_out if plan is not None else 0
    return [
        *([f"no such suite: {wording.listed(unknown)}"] if unknown else []),
        *([f"{wording.counted(left_out, 'probe')} too many or too long to be sent"] if left_out else []),
    ]


def _unanswered(standing: ProbesStanding) -> str:
    results = standing.round.results if standing.round is not None else {}
    missing = {key.strip("/"): one.broken for key, one in results.items() if not one.judged}
    return wording.listed([f"{name} ({why})" for name, why in sorted(missing.items())])


def _since(standing: ProbesStanding) -> str:
    baseline = standing.baseline
    if baseline is None or standing.round is None:
        return ""
    other = f" of {baseline.version}" if baseline.version != standing.round.version else ""
    return f"since the round of {wording.moment(baseline.ended)}{other}"


def _round(standing: ProbesStanding) -> str:
    if standing.round is None or not standing.round.items:
        return ""
    ended = wording.moment(standing.round.ended)
    return (
        f"round ended {ended} (n={wording.count(standing.answers)} of {wording.count(standing.round.items)})"
    )
