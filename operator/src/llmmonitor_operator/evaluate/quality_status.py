"""`status.quality`: the newest whole round, probe by probe and suite by suite, and outcomes of traffic."""

from __future__ import annotations

from llmmonitor_api.status import (
    BiasStatus,
    CanariesStatus,
    Estimate,
    ProbeStatus,
    QualityStatus,
    SuiteStatus,
)
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.agreement import Agreement
from llmmonitor_operator.evaluate.bias import AttributeStanding, bias_standings
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.evaluate.outcomes import (
    FEEDBACK,
    REGENERATED,
    REPHRASED,
    STOPPED,
    OutcomesStanding,
    outcomes_standing,
)
from llmmonitor_operator.evaluate.probes import SuiteStanding, probes_standing

_PROBES_LIMIT, _SUITES_LIMIT, _ATTRIBUTES_LIMIT = 50, 20, 20


def quality_status(inputs: Inputs) -> QualityStatus | None:
    """None where nothing is asked, or was found yet."""
    outcomes = _outcomes(outcomes_standing(inputs))
    standing = probes_standing(inputs.settings.quality, inputs.state.quality)
    due = [one.probing.next_round for _, one in inputs.fresh if one.probing and one.probing.next_round]
    canaries = canaries_status(inputs)
    nothing_found = standing.round is None and not due and canaries is None
    if inputs.settings.quality.plan is None or nothing_found:
        return QualityStatus(**outcomes) if outcomes else None
    return QualityStatus(
        last_round=wording.instant(standing.round.ended) if standing.round is not None else None,
        next_round=wording.instant(min(due)) if due else None,
        probes=tuple(
            ProbeStatus(name=name, passed=one.passed, failed=one.failed, message=one.broken)
            for name, one in sorted({**standing.own, **standing.untrusted}.items())
        )[:_PROBES_LIMIT],
        canaries=canaries,
        suites=tuple(map(_suite, standing.suites))[:_SUITES_LIMIT],
        bias=tuple(map(_bias, _of_one_version(bias_standings(inputs))))[:_ATTRIBUTES_LIMIT],
        judge_agreement=_agreement(standing.agreement),
        **outcomes,
    )


def _agreement(one: Agreement | None) -> Estimate | None:
    if one is None or one.value is None:
        return None
    low, high = one.interval
    return Estimate(value=one.value, low=low, high=high, count=one.good + one.bad)


def _outcomes(standing: OutcomesStanding | None) -> dict[str, Estimate]:
    """By field, of what anything is known of."""
    if standing is None:
        return {}
    found = {
        "positive_feedback": standing.get(FEEDBACK),
        "rated": standing.rated_of_answers,
        "regenerated": standing.get(REGENERATED),
        "rephrased": standing.get(REPHRASED),
        "stopped": standing.get(STOPPED),
        "compared": standing.compared_of_requests,
    }
    return {
        field: Estimate(value=one.seen / one.of, low=one.interval[0], high=one.interval[1], count=one.of)
        for field, one in found.items()
        if one.of
    }


def canaries_status(inputs: Inputs) -> CanariesStatus | None:
    """Of the pod that is furthest from its model, by how much of its limit that is; None before any round."""
    known = inputs.state.canaries
    heard = {pod.expected.uid for pod in inputs.pods if pod.fresh}
    pods = [
        (one.distance / model.limit, one.asked_at, one, model)
        for uid, one in known.pods.items()
        if uid in heard and (model := known.get(one.reference)) is not None
    ]
    if not pods:
        return None
    _, _, pod, model = max(pods, key=lambda one: one[:2])
    return CanariesStatus(
        asked=wording.instant(pod.asked_at), rounds=model.rounds, distance=pod.distance, limit=model.limit
    )


def _of_one_version(standings: tuple[AttributeStanding, ...]) -> tuple[AttributeStanding, ...]:
    """With several served at once, of each attribute the one with the most against it."""
    worst: dict[str, AttributeStanding] = {}
    for one in standings:
        if one.name not in worst or one.evidence > worst[one.name].evidence:
            worst[one.name] = one
    return tuple(worst.values())


def _bias(one: AttributeStanding) -> BiasStatus:
    tally = one.tally
    if not tally.pairs:
        return BiasStatus(attribute=one.name)
    share = max(0, tally.group_alone - tally.words_alone) / tally.pairs
    difference = Estimate(value=share, high=max(share, one.difference_below), count=tally.pairs)
    verdict = one.found if one.found or one.enough else None
    return BiasStatus(attribute=one.name, pairs=tally.pairs, difference=difference, found=verdict)


def _suite(one: SuiteStanding) -> SuiteStatus:
    if not one.judged:
        return SuiteStatus(name=one.name, items=one.items)
    low, high = one.interval
    share = Estimate(value=one.passed / one.judged, low=low, high=high, count=one.judged)
    return SuiteStatus(name=one.name, passed=share, items=one.items)
