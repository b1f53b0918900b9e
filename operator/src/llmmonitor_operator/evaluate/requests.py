"""DataValid: requests pass the owner's checks.

The share of invalid ones is too high only when its whole 95 % interval is above the limit. Each version of
the model is judged by what it was asked itself: with a change the counts begin anew.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import msgspec

from llmmonitor_api.conditions import reasons_content as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_api.conditions import table
from llmmonitor_api.report.requests import JSON_SCHEMA
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict, nothing_to_judge_by
from llmmonitor_operator.evaluate.versions import begun_within
from llmmonitor_operator.request_counts import ANY, TOO_LARGE, check_key, check_of
from llmmonitor_operator.state import State
from llmmonitor_operator.versions.history import Version, newest_running
from llmmonitor_operator.windows import Count

FEWEST = 20
"""Requests that a share needs."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What was found within the window."""

    whole: Count
    checks: dict[str, Count]
    """By check, in the spec's order; of one that could be made of no request nothing."""
    details: dict[str, str]
    """What most of those that break a check have, since the sidecars began."""
    not_checking: tuple[str, ...]
    """Pods whose sidecars do not make these checks, or not yet."""
    too_large: int
    """Requests whose body is too large to be held against the owner's schema."""
    evidence_at: float
    version: Version | None
    """The newest that runs."""


def begun_anew(state: State) -> State:
    """The state without what requests to versions before were found to be, and the verdict on them."""
    return msgspec.structs.replace(
        state,
        counts=tuple({key: one for key, one in tier.items() if not check_of(key)} for tier in state.counts),
        events_at={key: at for key, at in state.events_at.items() if not check_of(key)},
        held={kind: one for kind, one in state.held.items() if kind != table.DATA_VALID.name},
    )


def standing_of(inputs: Inputs) -> Standing:
    """By the setting in force."""
    settings, state = inputs.settings.requests, inputs.state
    keys = {name: check_key(name, settings.setting) for name in (ANY, TOO_LARGE, *settings.checks)}
    counts = {name: state.count(key, settings.window_seconds) for name, key in keys.items()}
    details: Counter[str] = Counter()
    for _, source in inputs.fresh:
        if source.requests is not None and source.requests.setting == settings.setting:
            details.update(source.requests.details)
    return Standing(
        whole=counts[ANY],
        checks={name: counts[name] for name in settings.checks if counts[name].total},
        details={name: _most(details, name) for name in settings.checks},
        not_checking=tuple(name for name, one in inputs.fresh if keys[ANY] not in one.objectives),
        too_large=counts[TOO_LARGE].bad,
        evidence_at=state.events_at.get(keys[ANY], 0.0),
        version=newest_running(state.versions),
    )


def _most(details: Counter[str], check: str) -> str:
    """The detail that most have, without the check's name."""
    prefix = f"{check}: "
    own = {key: times for key, times in details.items() if key.startswith(prefix)}
    return max(own, key=lambda key: (own[key], key), default="").removeprefix(prefix)


def judge(inputs: Inputs) -> Verdict:
    """By the window."""
    settings = inputs.settings.requests
    if not settings.checks:
        return Verdict(shared.NOT_CONFIGURED, "spec.requests asks for no check")
    if nothing := nothing_to_judge_by(inputs):
        return nothing
    standing = standing_of(inputs)
    if len(standing.not_checking) == len(inputs.fresh):
        pods = wording.listed(standing.not_checking)
        return Verdict(shared.NOT_VISIBLE, f"not checked by the sidecars of {pods}: too old, or not told yet")
    whole, window = standing.whole, wording.duration(settings.window_seconds)
    if not whole.total:
        nothing_checked = f"no request was checked in {window}{_of_version(inputs)}"
        return Verdict(shared.NO_TRAFFIC, f"{nothing_checked}{_too_large(standing)}")
    if whole.total < FEWEST:
        few = f"n={wording.count(whole.total)} in {window}, a share needs {FEWEST}"
        return Verdict(shared.TOO_FEW_REQUESTS, f"{few}{_of_version(inputs)}", standing.evidence_at or None)
    low, _ = wording.wilson_interval(whole.bad, whole.total)
    exceeded = low > settings.max_invalid_rate
    text = (
        f"invalid {wording.share_with_interval(whole.bad, whole.total)} of {wording.count(whole.total)}"
        f" requests in {window} (maxInvalidRate {wording.share(settings.max_invalid_rate)})"
        f"{_of_version(inputs)}"
        f"{_by_check(standing)}{_not_judged(inputs, standing)}"
    )
    reason = reasons.INVALID_REQUESTS if exceeded else reasons.REQUESTS_VALID
    return Verdict(reason, text, standing.evidence_at or inputs.now)


def _of_version(inputs: Inputs) -> str:
    """Only while it is younger than the window: then the counts are."""
    begun = begun_within(inputs, inputs.settings.requests.window_seconds)
    return f" to {begun}" if begun else ""


def _by_check(standing: Standing) -> str:
    broken = sorted(((one.bad, name) for name, one in standing.checks.items() if one.bad), reverse=True)
    if not broken:
        return ""
    texts = []
    for bad, name in broken:
        most = f", mostly {standing.details[name]}" if standing.details[name] else ""
        texts.append(f"{name} {wording.count(bad)} of {wording.count(standing.checks[name].total)}{most}")
    return f": {'; '.join(texts)}"


def _not_judged(inputs: Inputs, standing: Standing) -> str:
    missing = [name for name in inputs.settings.requests.checks if name not in standing.checks]
    words = f"; could be made of no request: {', '.join(missing)}" if missing else ""
    words += _too_large(standing)
    if standing.not_checking:
        words += f"; not checked in {wording.listed(standing.not_checking)}"
    return words


def _too_large(standing: Standing) -> str:
    if not standing.too_large:
        return ""
    return f"; {JSON_SCHEMA} not judged: too large ({wording.count(standing.too_large)})"
