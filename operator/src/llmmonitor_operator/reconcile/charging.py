"""What a pass charges to its monitor's ledger: its pods, those that leave, and their groups' workers."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from llmmonitor_api.spec import LLMMonitor
from llmmonitor_api.spec.target import Target
from llmmonitor_operator.configure import settings_for
from llmmonitor_operator.cost.accrue import Look, accrued
from llmmonitor_operator.cost.group import group_workers
from llmmonitor_operator.cost.ledger import restored
from llmmonitor_operator.cost.lifetime import Lifetime, lifetime_of
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.monitors import Known
from llmmonitor_operator.pods.pod import our_sidecar
from llmmonitor_operator.pods.serving import NotServing, Worker, find_serving
from llmmonitor_operator.reconcile.ownership import Owned, selected
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.state import State


def with_cost(  # noqa: PLR0913, PLR0917 - what a pass knows
    state: State, known: Known, mine: Owned, parts: Parts, answered: Figures, now: float
) -> State:
    """The state with everything charged until now; the same while no spec of the monitor is in force.

    Args:
        state: with all reports of this pass in it.
        known: the monitor.
        mine: the pods it has.
        parts: for the namespace's other pods and monitors.
        answered: what the reports added.
        now: Unix seconds.
    """
    monitor = known.monitor
    if monitor is None or (monitor.spec.cost.hourly_rate is None and not state.cost.looked_at):
        return state
    settings = settings_for(monitor)
    look = Look(
        now_ms=int(now * 1000),
        lifetimes=_lifetimes(monitor, mine, parts),
        pods=state.pods,
        answered=answered,
        patience_ms=int(settings.stale_after_seconds * 1000),
    )
    return msgspec.structs.replace(state, cost=accrued(state.cost, settings.cost.price, look))


def restored_cost(state: State, now: float) -> State:
    """A state that was just read from a checkpoint, whose ledger says so."""
    return msgspec.structs.replace(state, cost=restored(state.cost, int(now * 1000)))


def _lifetimes(monitor: LLMMonitor, mine: Owned, parts: Parts) -> tuple[Lifetime, ...]:
    namespace = monitor.metadata.namespace
    rivals = parts.monitors.of(namespace)
    own = [*mine.pods, *mine.leaving]
    workers = group_workers(own, lambda: parts.view.pods(namespace), lambda pod: selected(pod, rivals))
    found = [(pod, _works_for_others(pod, monitor.spec.target)) for pod in own]
    found += [(pod, True) for pod in workers]
    lives = ((lifetime_of(pod), works) for pod, works in found)
    return tuple(replace(life, works_for_others=works) if works else life for life, works in lives if life)


def _works_for_others(pod: Raw, target: Target) -> bool:
    """Whether it is a worker, by what it runs: such a one has no sidecar."""
    if our_sidecar(pod) is not None:
        return False
    try:
        find_serving(pod, target)
    except Worker:
        return True
    except NotServing:
        return False
    return False
