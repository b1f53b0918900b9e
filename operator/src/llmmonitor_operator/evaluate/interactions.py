"""InteractionsSafe: problematic interactions are under the limits that the owner set.

A count of zero is of verified findings, and a finding counts from when it happened: it clears after
`clearAfter` without another. A rate is of the flagged exchanges, and too high only when even its lower 95 %
bound, less the false alarms that the detector gave on the worst of the benign sets it was measured on (or
those that people's verdicts on this traffic allow for, once there are enough), is above the limit. Limits per
client are judged in each replica by itself, since clients are told apart there. What has no limit is counted
in the status and not judged, and neither is a limit whose detectors are suspended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from llmmonitor_api.conditions import Reason, table
from llmmonitor_api.conditions import reasons_content as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_api.interactions.kinds import FLOOD, PATTERN_PREFIX
from llmmonitor_api.interactions.measured import FALSE_ALARMS_HIGH
from llmmonitor_api.report.interactions import ClientsSeen
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict, nothing_to_judge_by
from llmmonitor_operator.evaluate.suspension import false_alarms_high, suspended_limit
from llmmonitor_operator.interaction_counts import flagged_key, verified_key
from llmmonitor_operator.settings import InteractionLimit

REASONS = {
    "promptInjection": reasons.PROMPT_INJECTION,
    "jailbreak": reasons.JAILBREAK,
    "promptExtraction": reasons.PROMPT_LEAKED,
    "piiExposed": reasons.PII_EXPOSED,
    "secretsExposed": reasons.SECRETS_EXPOSED,
    "refusals": reasons.REFUSALS_HIGH,
    "toxicity": reasons.TOXICITY,
    "repetition": reasons.REPETITION,
    "emptyAnswers": reasons.EMPTY_ANSWERS,
    "manyShot": reasons.MANY_SHOT,
    "encodedContent": reasons.ENCODED_CONTENT,
    "flood": reasons.FLOOD,
}
FEWEST_FOR_A_RATE = 20
_FEWEST_OF_ONE_CLIENT = 20
"""Requests that all came from one address, after which it is taken for a proxy's."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one limit stands."""

    limit: InteractionLimit
    exceeded: str = ""
    """How, in words; empty while it holds."""
    not_judged: str = ""
    """Why it, or a part of it, has no verdict; empty when all of it has."""
    evidence_at: float | None = None
    """The newest evidence of what is exceeded."""
    suspended: bool = False
    """Whether it is not judged because people found its detectors too imprecise."""
    older: bool = False
    """Whether it is not judged because no sidecar looks for it yet."""

    @property
    def reason(self) -> Reason:
        """Why the condition is False when this limit is exceeded."""
        return REASONS.get(self.limit.kind, reasons.PATTERN_FOUND)


def standings(inputs: Inputs) -> tuple[Standing, ...]:
    """Every limit, as the spec has them."""
    return tuple(_standing(inputs, limit) for limit in inputs.settings.interactions.limits)


def judge(inputs: Inputs) -> Verdict:
    """By the limits."""
    if not inputs.settings.interactions.limits:
        return Verdict(
            shared.NOT_CONFIGURED, "spec.interactions sets no limit: the status says what is found"
        )
    if nothing := nothing_to_judge_by(inputs):
        return nothing
    every = standings(inputs)
    exceeded = [one for one in every if one.exceeded]
    seen_at = max(inputs.state.events_at.get(flagged_key(one.limit.kind), 0.0) for one in every)
    if exceeded:
        order = [reason.name for reason in table.INTERACTIONS_SAFE.reasons]
        exceeded.sort(key=lambda one: order.index(one.reason.name))
        evidence_at = max(one.evidence_at or seen_at for one in exceeded)
        return Verdict(exceeded[0].reason, "; ".join(one.exceeded for one in exceeded), evidence_at)
    waiting = [f"{one.limit.kind} ({one.not_judged})" for one in every if one.not_judged]
    judged = [one for one in every if not one.not_judged]
    if not judged:
        return _nothing_judged(inputs, every, waiting, seen_at)
    return Verdict(shared.WITHIN_LIMITS, _holding(inputs, judged, waiting), seen_at or inputs.now)


def _nothing_judged(inputs: Inputs, every: Iterable[Standing], waiting: list[str], seen_at: float) -> Verdict:
    words = f"not judged: {', '.join(waiting)}"
    if all(one.limit.per_client_alone for one in every) and one_address(inputs):
        return Verdict(reasons.CLIENTS_NOT_DISTINGUISHABLE, words)
    if all(one.suspended for one in every):
        return Verdict(reasons.DETECTOR_SUSPENDED, words)
    if all(one.older for one in every):
        return Verdict(shared.NOT_VISIBLE, words)
    if not seen_at or inputs.now - seen_at > inputs.settings.hold_for_seconds:
        return Verdict(shared.NO_TRAFFIC, "no request that detectors looked at")
    return Verdict(shared.TOO_FEW_REQUESTS, words, seen_at)


def _holding(inputs: Inputs, judged: list[Standing], waiting: list[str]) -> str:
    window = wording.duration(inputs.settings.interactions.window_seconds)
    texts = [_found(inputs, one.limit) for one in judged if one.limit.kind != FLOOD.name]
    texts += [_busiest(inputs, one.limit) for one in judged if one.limit.kind == FLOOD.name]
    message = f"over {window}: {'; '.join(texts)}"
    return f"{message}; not judged: {', '.join(waiting)}" if waiting else message


def _found(inputs: Inputs, limit: InteractionLimit) -> str:
    count = inputs.state.count(flagged_key(limit.kind), inputs.settings.interactions.window_seconds)
    text = f"{limit.kind} {wording.count(count.bad)} of {wording.count(count.total)} ({limit.text})"
    older = _older(inputs, limit)
    return f"{text}, not judged: {_are_older(older)}" if older else text


def _busiest(inputs: Inputs, limit: InteractionLimit) -> str:
    most = max((one.most_requests for one in _clients(inputs)), default=0)
    return f"{wording.count(most)} requests of the busiest client ({limit.text})"


def _standing(inputs: Inputs, limit: InteractionLimit) -> Standing:
    if limit.kind == FLOOD.name:
        return _per_client(inputs, limit, {one.most_requests for one in _clients(inputs)}, "requests")
    if refused := _refused(inputs, limit):
        return Standing(limit, not_judged=refused)
    older = _older(inputs, limit)
    if older and len(older) == len(inputs.fresh):
        return Standing(limit, not_judged=_are_older(older), older=True)
    if imprecise := suspended_limit(inputs.state.review, limit.kind):
        return Standing(limit, not_judged=imprecise, suspended=True)
    found = [check(inputs, limit) for check in (_zero, _count, _rate, _by_client)]
    exceeded = [one for one in found if one is not None and one.exceeded]
    if exceeded:
        return exceeded[0]
    waiting = [one for one in found if one is not None and one.not_judged]
    return waiting[0] if waiting else Standing(limit)


def _refused(inputs: Inputs, limit: InteractionLimit) -> str:
    """RE2's words on an own pattern that it does not take."""
    name = limit.kind.removeprefix(PATTERN_PREFIX)
    said = [
        source.interactions.refused_patterns.get(name, "")
        for _, source in inputs.fresh
        if limit.own and source.interactions is not None
    ]
    return next((f"RE2 refuses the pattern: {one}" for one in said if one), "")


def _older(inputs: Inputs, limit: InteractionLimit) -> list[str]:
    """Pods whose sidecars do not look for it."""
    return [name for name, source in inputs.fresh if limit.kind in source.not_looked_for]


def _are_older(pods: list[str]) -> str:
    sidecars = "1 pod's sidecar is" if len(pods) == 1 else f"{wording.count(len(pods))} pods' sidecars are"
    return f"{sidecars} older than this detector ({wording.listed(pods)})"


def _zero(inputs: Inputs, limit: InteractionLimit) -> Standing | None:
    """Verified findings since the last that was already said."""
    if limit.most != 0:
        return None
    seconds = inputs.settings.interactions.clear_after_seconds
    key = verified_key(limit.kind)
    newest = inputs.state.newest_bad(key)
    held = inputs.held.get(table.INTERACTIONS_SAFE.name)
    said = held.failing_at if held is not None else None
    if newest is None or newest < inputs.now - seconds or (said is not None and newest <= said):
        return Standing(limit)
    count = inputs.state.count(key, seconds).bad
    words = wording.counted(count, "verified finding")
    text = (
        f"{limit.kind}: {words} in {wording.duration(seconds)} (max 0), the last at {wording.moment(newest)}"
    )
    return Standing(limit, exceeded=text, evidence_at=newest)


def _count(inputs: Inputs, limit: InteractionLimit) -> Standing | None:
    if not limit.most:
        return None
    seconds = inputs.settings.interactions.window_seconds
    count = inputs.state.count(flagged_key(limit.kind), seconds)
    if count.bad <= limit.most:
        return Standing(limit)
    text = (
        f"{limit.kind}: {wording.count(count.bad)} flagged in {wording.duration(seconds)} (max"
        f" {wording.count(limit.most)}, n={wording.count(count.total)})"
    )
    return Standing(limit, exceeded=text)


def _rate(inputs: Inputs, limit: InteractionLimit) -> Standing | None:
    if limit.most_rate is None:
        return None
    seconds = inputs.settings.interactions.window_seconds
    count = inputs.state.count(flagged_key(limit.kind), seconds)
    if count.total < FEWEST_FOR_A_RATE:
        few = f"n={wording.count(count.total)}, a rate needs {FEWEST_FOR_A_RATE}"
        return Standing(limit, not_judged=few)
    low, _ = wording.wilson_interval(count.bad, count.total)
    judged = false_alarms_high(inputs.state.review, limit.kind)
    false_alarms = FALSE_ALARMS_HIGH.get(limit.kind, 0.0) if judged is None else judged
    by = "" if judged is None else ", by your verdicts"
    if low - false_alarms <= limit.most_rate:
        return Standing(limit)
    text = (
        f"{limit.kind}: flagged {wording.share_with_interval(count.bad, count.total)} of"
        f" {wording.count(count.total)} in {wording.duration(seconds)} (maxRate"
        f" {wording.share(limit.most_rate)}; false alarms at most {wording.share(false_alarms)}{by})"
    )
    return Standing(limit, exceeded=text)


def _by_client(inputs: Inputs, limit: InteractionLimit) -> Standing | None:
    if limit.most_per_client is None:
        return None
    return _per_client(
        inputs, limit, {one.most_findings.get(limit.kind, 0) for one in _clients(inputs)}, "findings"
    )


def _per_client(inputs: Inputs, limit: InteractionLimit, most: set[int], what: str) -> Standing:
    if one_address(inputs):
        return Standing(
            limit, not_judged=f"{reasons.CLIENTS_NOT_DISTINGUISHABLE.name}: all come from one address"
        )
    worst = max(most, default=0)
    if limit.most_per_client is None or worst <= limit.most_per_client:
        return Standing(limit)
    window = wording.duration(max(one.window_seconds for one in _clients(inputs)))
    text = (
        f"{limit.kind}: {wording.count(worst)} {what} of one client in {window} at one replica (maxPerClient"
        f" {wording.count(limit.most_per_client)})"
    )
    return Standing(limit, exceeded=text, evidence_at=inputs.state.newest_at)


def _clients(inputs: Inputs) -> list[ClientsSeen]:
    return [source.interactions.clients for _, source in inputs.fresh if source.interactions is not None]


def one_address(inputs: Inputs) -> bool:
    """Whether all requests, and not just a few, come from one address at every replica."""
    seen = [one for one in _clients(inputs) if one.clients]
    requests = sum(one.most_requests for one in seen)
    return bool(seen) and all(one.clients == 1 for one in seen) and requests >= _FEWEST_OF_ONE_CLIENT
