"""`status.quality`: the newest whole round, probe by probe and suite by suite."""

from __future__ import annotations

from datetime import UTC, datetime

from llmmonitor_api.status import Estimate, ProbeStatus, QualityStatus, SuiteStatus
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.evaluate.probes import SuiteStanding, probes_standing

_PROBES_LIMIT, _SUITES_LIMIT = 50, 20


def quality_status(inputs: Inputs) -> QualityStatus | None:
    """None where nothing is asked, or was found yet."""
    if inputs.settings.quality.plan is None:
        return None
    standing = probes_standing(inputs.settings.quality, inputs.state.quality)
    due = [one.probing.next_round for _, one in inputs.fresh if one.probing and one.probing.next_round]
    if standing.round is None and not due:
        return None
    return QualityStatus(
        last_round=_moment(standing.round.ended) if standing.round is not None else None,
        next_round=_moment(min(due)) if due else None,
        probes=tuple(
            ProbeStatus(name=name, passed=one.passed, failed=one.failed, message=one.broken)
            for name, one in sorted(standing.own.items())
        )[:_PROBES_LIMIT],
        suites=tuple(map(_suite, standing.suites))[:_SUITES_LIMIT],
    )


def _suite(one: SuiteStanding) -> SuiteStatus:
    if not one.judged:
        return SuiteStatus(name=one.name, items=one.items)
    low, high = one.interval
    share = Estimate(value=one.passed / one.judged, low=low, high=high, count=one.judged)
    return SuiteStatus(name=one.name, passed=share, items=one.items)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(int(at), UTC)
