"""Whether what replicas say may wait to be judged: whether all is well at their monitor, and stays as it was.

Most passes find nothing: every condition holds, and would minutes later. What is judged by the newest report
alone is looked for here in each, by the same limits; of what is judged over windows, the bad events since the
last evaluation, and since the last look, are held against objectives' budgets. When in doubt it is not calm.
What moves in hours is no reason (drift, quality, checks of requests, cost): it is judged with what waits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from llmmonitor_api.conditions import Condition, Status
from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_api.interactions.kinds import FLOOD
from llmmonitor_api.report.glance import Glance, GlancedTotals
from llmmonitor_api.report.gpus import GPUs
from llmmonitor_api.report.probing import Probing
from llmmonitor_api.report.report import Engine, Report, Resources
from llmmonitor_operator.evaluate import gpus, interactions, memory_forecast, performance, resources
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.settings import Settings
from llmmonitor_operator.windows import Count

DEVIATIONS = 3.0
"""By how many standard deviations there must be more bad events than a budget explains."""
_WAITING = frozenset(
    one.name
    for one in (shared.NO_TRAFFIC, shared.TOO_FEW_REQUESTS, shared.NO_REPORTS, reasons.NO_TRAFFIC_YET)
)
"""Reasons that the next request may change."""


@dataclass(frozen=True, slots=True)
class Calm:
    """What an evaluation left to be held against."""

    settings: Settings
    budgets: Mapping[str, float]
    """The share of events that may be bad, by objective key."""
    for_requests: bool
    """Whether a condition waits for requests, or for connections."""
    states: Mapping[str, object]
    """How each replica was, by pod UID."""
    one_address: bool = False
    """Whether clients could not be told apart, so that no limit for each was judged."""

    def holds(self, uid: str, report: Glance) -> bool:
        """Whether one replica goes on as it was.

        Args:
            uid: the pod's.
            report: with differences since the one that was added last; one that tells all is of another life.
        """
        return (
            report.since is not None
            and not (self.for_requests and _has_traffic(report))
            and self.states.get(uid) == _state(report)
            and not self._is_pressed(report)
            and not self._went_wrong(report.totals)
        )

    def explains(self, counts: Mapping[str, Count]) -> bool:
        """Whether objectives' budgets explain what all replicas together counted, over any span.

        As many bad events as the budget allows are expected, and up to `DEVIATIONS` standard deviations
        more, as of a Poisson variable.
        """
        return all(_explained(count, self.budgets.get(key, 0.0)) for key, count in counts.items())

    def _is_pressed(self, report: Glance) -> bool:
        """Whether a limit is exceeded, or may be before the next look."""
        settings = self.settings
        return (
            performance.stalls(report.live, settings.stall_after_seconds)
            or resources.exceeds(report, settings)
            or memory_forecast.may_fill_within(
                settings.report_interval_seconds, report, settings.memory_limit
            )
            or _has_errors(report.gpus)
            or self._has_a_busy_client(report)
        )

    def _went_wrong(self, newly: GlancedTotals) -> bool:
        """Whether something happened that is judged whenever it does."""
        path, found = newly.interception, newly.interactions.kinds
        limited = (one.kind for one in self.settings.interactions.limits if one.most is not None)
        return bool(
            path.step_asides
            or path.relay_starts
            or path.analyser_starts
            or path.shed_connections
            or path.exchanges_not_analysed
            or path.opaque_connections
            or any(kind in found and found[kind].flagged for kind in limited)
        )

    def _has_a_busy_client(self, report: Glance) -> bool:
        """Whether a limit for each client is exceeded by one of them."""
        if report.interactions is None:
            return False
        seen = report.interactions.clients
        if self.one_address and seen.clients == 1:
            return False
        return any(
            (seen.most_requests if one.kind == FLOOD.name else seen.most_findings.get(one.kind, 0))
            > one.most_per_client
            for one in self.settings.interactions.limits
            if one.most_per_client is not None
        )


def calm_after(conditions: Iterable[Condition], inputs: Inputs, reports: Mapping[str, Report]) -> Calm | None:
    """What the next reports are held against; None where a condition is not met, and each may mend it.

    Args:
        conditions: as they were judged.
        inputs: by which.
        reports: the newest, by pod UID.
    """
    found = [one for one in conditions if one.status is not Status.TRUE]
    if any(one.status is Status.FALSE for one in found):
        return None
    settings = inputs.settings
    return Calm(
        settings=settings,
        budgets={one.key: float(one.budget) for one in settings.objectives},
        for_requests=any(one.reason in _WAITING for one in found),
        states={uid: _state(report) for uid, report in reports.items()},
        one_address=interactions.one_address(inputs),
    )


def _explained(count: Count, budget: float) -> bool:
    expected = max(0.0, budget * count.total)
    return count.bad <= expected + DEVIATIONS * math.sqrt(expected)


def _state(report: Report | Glance) -> object:
    """What is so, without what moves all the time."""
    identity, path = report.identity, report.interception
    return (
        (identity.boot_id, identity.container, identity.configuration_generation),
        (path.mode, path.reading, path.reason, path.relay_alive, path.model_listening, path.cannot_drain),
        report.system_fingerprint,
        _of_resources(report.resources),
        _of_engine(report.engine),
        _of_gpus(report.gpus),
        _of_probes(report.probing),
        None if report.interactions is None else report.interactions.refused_patterns,
    )


def _of_resources(found: Resources | None) -> object:
    if found is None:
        return None
    limits = found.cpu_limit_cores, found.memory_limit_bytes
    return found.processes_visible, found.reason, found.oom_kills, limits, found.weight_files


def _of_engine(found: Engine | None) -> object:
    if found is None:
        return None
    model = found.name, found.version, found.model, found.context_tokens, found.weights
    return model, found.error, found.missing


def _of_gpus(found: GPUs | None) -> object:
    if found is None:
        return None
    devices = tuple((one.uuid, one.lost, one.problem, one.partitioned) for one in found.devices if one.ours)
    answers = found.silent_seconds is None
    return found.visible, found.reason, found.exporter_error, found.told_by, answers, devices


def _of_probes(found: Probing | None) -> object:
    """Rounds by their names: a sidecar tells the newest two, and every one is to be added when it is over."""
    if found is None:
        return None
    return found.plan, found.version, found.waits, tuple(one.started for one in found.rounds)


def _has_traffic(report: Glance) -> bool:
    """Connections too, of which there may be nothing to read."""
    return bool(report.totals.begun or report.live.in_flight or report.totals.interception.accepted)


def _has_errors(found: GPUs | None) -> bool:
    return found is not None and any(any(gpus.errors_of(one, 0.0)) for one in found.devices if one.ours)
