"""When a model's memory will reach its limit at the rate at which it grows: said before the kernel kills it.

Rests on the trends that a sidecar keeps of its samples. What counts is memory that the kernel cannot take
back, since the pages of files go before anybody is killed. Said only of what is hardly anything else than a
limit about to be reached: a model that loads its weights does not listen yet, and one that collects garbage
goes back to where it was before.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmmonitor_api.report.glance import Glance
from llmmonitor_api.report.report import MemoryTrend, Report
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.state import Source

HORIZON_SECONDS = 600.0
TIMES_THE_SPAN = 5.0
"""What was seen for a minute is taken to go on for five of these, not for an hour."""
LEAST_SHARE = 0.5
"""Of the limit: below it, memory has room to grow into, and fills it when the first requests come."""
_MINUTE = 60.0
_SHOWN_AS_MINUTES_FROM = 90.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """The limit is reached this many seconds after the sample, if nothing changes."""

    trend: MemoryTrend
    seconds: float
    soonest: float
    latest: float
    """By the ends of the trend's 95 % interval."""

    def in_words(self, age_seconds: float) -> str:
        """`reaches the limit in 4 min (3–7), growing 12 MiB/s over 2 min (n=120)`."""  # noqa: RUF002 - a range
        left = [max(0.0, one - age_seconds) for one in (self.seconds, self.soonest, self.latest)]
        unit, word = (1.0, "s") if left[0] < _SHOWN_AS_MINUTES_FROM else (_MINUTE, "min")
        when, soonest, latest = (wording.number(one / unit, 2) for one in left)
        trend = self.trend
        return (
            f"reaches the limit in {when} {word} ({soonest}–{latest}),"  # noqa: RUF001 - a range
            f" growing {wording.size(trend.bytes_per_second)}/s"
            f" over {wording.duration(trend.span_seconds)} (n={wording.count(trend.samples)})"
        )


def forecast(source: Source | Report | Glance) -> Forecast | None:
    """By the trend that is the first to lead to the limit, with its whole interval within the horizon."""
    left = _left(source)
    if left is None or source.resources is None:
        return None
    held = source.resources.memory_held_bytes or 0
    found = [
        Forecast(trend, left / trend.bytes_per_second, left / trend.high, left / trend.low)
        for trend in source.resources.memory_trends
        if 0 < trend.low <= trend.bytes_per_second <= trend.high and held > (trend.highest_before_bytes or 0)
    ]
    sure = [
        one for one in found if one.latest <= min(HORIZON_SECONDS, TIMES_THE_SPAN * one.trend.span_seconds)
    ]
    return min(sure, key=lambda one: one.latest, default=None)


def may_fill_within(seconds: float, report: Report | Glance, memory_limit: float) -> bool:
    """Whether memory could reach its limit before one looks again, though nothing could be said of it yet.

    Args:
        seconds: until then.
        report: the newest.
        memory_limit: `spec.resources.memory`: above it, something is said already.
    """
    left = _left(report)
    resources = report.resources
    if left is None or resources is None or forecast(report):
        return False
    if (resources.memory_used_bytes or 0) > memory_limit * (resources.memory_limit_bytes or 0):
        return False
    return any(trend.high * seconds >= left for trend in resources.memory_trends[:1])


def _left(source: Source | Report | Glance) -> float | None:
    """Bytes until the limit; None where nothing is to be foretold."""
    resources = source.resources
    if resources is None or not source.interception.model_listening:
        return None
    limit, held = resources.memory_limit_bytes, resources.memory_held_bytes
    if not limit or held is None or not LEAST_SHARE * limit <= held < limit:
        return None
    return float(limit - held)
