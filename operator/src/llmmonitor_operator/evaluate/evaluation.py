"""One evaluation: a monitor's spec and what is known of it, to conditions, status document and events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import msgspec

from llmmonitor_api.conditions import Condition, condition, set_conditions
from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.condition_history import with_steps
from llmmonitor_operator.configure import settings_for
from llmmonitor_operator.cost.standing import cost_standing
from llmmonitor_operator.evaluate import outcomes, requests
from llmmonitor_operator.evaluate.environment import Environment, ExpectedPod
from llmmonitor_operator.evaluate.inputs import Inputs, PodStanding, Verdict, fresh_of
from llmmonitor_operator.evaluate.measured import filled_in
from llmmonitor_operator.evaluate.objectives import standings
from llmmonitor_operator.evaluate.registry import EVALUATORS
from llmmonitor_operator.evaluate.settle import settle
from llmmonitor_operator.evaluate.status import Judged, judged_of, status_document
from llmmonitor_operator.evaluate.suspension import noticed
from llmmonitor_operator.evaluate.transitions import Transition, transitions
from llmmonitor_operator.evaluate.versions import canaries_of, clients_of, model_changed, seen_of
from llmmonitor_operator.evaluate.window_sums import WindowSums
from llmmonitor_operator.interaction_counts import flagged_key, verified_key
from llmmonitor_operator.oom_kills import OOMKill, with_kills
from llmmonitor_operator.request_counts import ANY, TOO_LARGE, check_key
from llmmonitor_operator.settings import Settings
from llmmonitor_operator.state import Held, Pod, State
from llmmonitor_operator.versions.canaries import witnessed
from llmmonitor_operator.versions.history import Change, looked
from llmmonitor_operator.versions.side_by_side import compared_further


@dataclass(frozen=True)
class Evaluation:
    """The outcome of one evaluation; what takes long is made when it is asked for."""

    conditions: tuple[Condition, ...]
    """All of them, in the table's order, `Healthy` first."""
    state: State
    """To be given to the next evaluation."""
    transitions: tuple[Transition, ...]
    """What changed against the conditions in the state that was given."""
    inputs: Inputs
    """What it was judged by."""

    @cached_property
    def status(self) -> dict[str, Any]:
        """The whole `status` as the API server takes it, conditions included: camelCase, JSON values only."""
        return status_document(self.inputs, self.conditions)

    @cached_property
    def judged(self) -> Judged:
        """What of the status is news at once: with an equal one only figures, ages and words differ."""
        return judged_of(self.inputs, self.conditions)


def evaluate(
    monitor: LLMMonitor,
    state: State,
    now: float,
    environment: Environment,
    sums: WindowSums | None = None,
) -> Evaluation:
    """What is healthy, what is not, and why.

    Args:
        monitor: a valid one, from `load_monitor`.
        state: as `absorb` left it; holds the conditions of the evaluation before.
        now: Unix seconds.
        environment: what only the caller can see.
        sums: of this monitor's evaluations before; by none, windows are added up anew.
    """
    settings = settings_for(monitor)
    if environment.spec_in_force:  # else nobody knows which objectives it has
        state = _without_other_objectives(state, settings)
    pods = tuple(_pod(pod, state.pods.get(pod.uid), settings, now) for pod in _expected(environment, state))
    review, suspensions = noticed(state.review)
    state = msgspec.structs.replace(state, review=review) if suspensions else state
    state = msgspec.structs.replace(state, oom_kills=with_kills(state.oom_kills, _killed(pods, state)))
    changes: tuple[Change, ...] = ()
    if environment.spec_in_force:
        by = settings.versions.by
        canaries = witnessed(state.canaries, canaries_of(pods), state.versions.running)
        seen = seen_of(pods, by, canaries)
        history, changes = looked(state.versions, seen, now, by, settings.versions.label)
        history = compared_further(history, clients_of(pods), now, settings.versions.margin)
        live = outcomes.remembered(state.outcomes, settings.quality.outcomes, now)
        state = msgspec.structs.replace(state, versions=history, canaries=canaries, outcomes=live)
        if changes:
            state = outcomes.begun_anew(requests.begun_anew(state))
    fresh = fresh_of(pods)
    inputs = Inputs(
        settings=settings,
        state=state,
        environment=environment,
        now=now,
        pods=pods,
        objectives=standings(settings, state, fresh) if environment.spec_in_force else (),
        cost=cost_standing(settings.cost, state.cost, now) if environment.cluster else None,
        fresh=fresh,
        sums=sums or WindowSums(),
    )
    verdicts, held = _judged(inputs)
    moment = datetime.fromtimestamp(now, UTC)
    news = [
        condition(kind, verdict.reason, verdict.message, observed_generation=settings.generation)
        for kind, verdict in ((row.kind, verdicts[row.kind.name]) for row in EVALUATORS)
    ]
    conditions = set_conditions(state.conditions, news, moment)
    return Evaluation(
        conditions=conditions,
        state=msgspec.structs.replace(
            state,
            conditions=conditions,
            condition_history=with_steps(state.condition_history, state.conditions, conditions),
            held=held,
        ),
        transitions=(*map(model_changed, changes), *suspensions, *transitions(state.conditions, conditions)),
        inputs=inputs,
    )


def _judged(inputs: Inputs) -> tuple[dict[str, Verdict], dict[str, Held]]:
    """Every condition's verdict, and what to remember of those that settle."""
    verdicts: dict[str, Verdict] = {}
    held = dict(inputs.state.held)
    judging = replace(inputs, verdicts=verdicts, held=inputs.state.held)
    for row in EVALUATORS:
        name = row.kind.name
        verdict = row.judge(judging)
        if row.settles:
            verdict, memory = settle(row, verdict, held.get(name), inputs.now, inputs.settings)
            if memory is not None:
                held[name] = memory
        verdicts[name] = verdict
    return verdicts, held


def _expected(environment: Environment, state: State) -> tuple[ExpectedPod, ...]:
    """The pods the caller names; without a cluster and without any, those that have reported."""
    if environment.cluster or environment.pods:
        return environment.pods
    return tuple(
        ExpectedPod(uid=uid, name=pod.newest.pod_name, expected_since=pod.newest.started_at)
        for uid, pod in state.pods.items()
        if pod.newest
    )


def _pod(expected: ExpectedPod, known: Pod | None, settings: Settings, now: float) -> PodStanding:
    source = known.newest if known else None
    if source is not None:
        source = filled_in(source, expected.measured, now)
    age = max(0.0, now - source.at) if source else None
    fresh = age is not None and age <= settings.stale_after_seconds
    young = now - expected.expected_since <= settings.stale_after_seconds
    return PodStanding(
        expected=expected,
        source=source,
        age_seconds=age,
        fresh=fresh,
        waited_for=source is None and young and not expected.injection,
        refused=known.refused if known else "",
    )


def _killed(pods: Iterable[PodStanding], state: State) -> Iterator[OOMKill]:
    """What the kernel and the kubelet say of pods that are there."""
    for pod in pods:
        uid, known = pod.expected.uid, state.pods.get(pod.expected.uid)
        if known is not None and known.oom_killed_at is not None:
            at = known.oom_killed_at
            yield OOMKill(uid, pod.name, at, known.oom_killed, counted_at=at)
        if pod.expected.oom_killed_at is not None:
            yield OOMKill(uid, pod.name, pod.expected.oom_killed_at)


def _without_other_objectives(state: State, settings: Settings) -> State:
    """Counts of objectives and limits that the spec no longer has are not kept."""
    keys = {objective.key for objective in settings.objectives}
    kinds = tuple(limit.kind for limit in settings.interactions.limits)
    for kind in kinds:
        keys |= {flagged_key(kind), verified_key(kind)}
    if settings.requests.checks:
        keys |= {
            check_key(name, settings.requests.setting) for name in (ANY, TOO_LARGE, *settings.requests.checks)
        }
    if keys.issuperset(state.events_at) and kinds == state.limited_kinds:
        return state
    return msgspec.structs.replace(
        state,
        counts=tuple({key: cells for key, cells in tier.items() if key in keys} for tier in state.counts),
        events_at={key: at for key, at in state.events_at.items() if key in keys},
        limited_kinds=kinds,
    )
