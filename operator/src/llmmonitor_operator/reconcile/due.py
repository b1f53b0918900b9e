"""When something will happen at a monitor, so that it is looked at sooner than after a report interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmmonitor_api.report.report import Report
from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.evaluate import memory_forecast
from llmmonitor_operator.reconcile.sidecars.standing import LOOK_AGAIN_SECONDS, Standing


def look_again_seconds(
    monitor: LLMMonitor,
    standings: Sequence[Standing],
    reports: Mapping[str, Report],
    *,
    acted: bool,
    now: float,
) -> float:
    """In how many seconds; infinite where nothing is waited for but the next reports.

    Args:
        monitor: with a valid spec.
        standings: of its pods.
        reports: those that came in this pass, by pod UID.
        acted: whether a sidecar was attached in it.
        now: Unix seconds.
    """
    spec = monitor.spec
    interval, memory_limit = spec.sampling.report_interval.total_seconds(), float(spec.resources.memory)
    wishes = [one.look_again_seconds for one in standings if one.look_again_seconds is not None]
    waiting = [
        one
        for one in standings
        if one.address is not None and one.expected.uid not in reports and not one.expected.injection
    ]
    young = any(now - one.expected.expected_since < interval for one in waiting)
    filling = any(memory_forecast.may_fill_within(interval, one, memory_limit) for one in reports.values())
    if acted or young or filling:
        wishes.append(LOOK_AGAIN_SECONDS)
    return min(wishes, default=float("inf"))
