"""The metric families of money: the period so far, what it will come to, and what tokens cost.

Amounts are gauges of the calendar period that now is in, in the currency of its label; they go back to zero
with every period. Exact amounts stand in the status.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import Metric

from llmmonitor_operator.cost.price import UNITS
from llmmonitor_operator.cost.standing import CostStanding
from llmmonitor_operator.monitors import Key
from llmmonitor_operator.reconcile.metrics.shapes import Family

PARTS = ("busy", "idle", "loading", "probes", "unobserved")


def cost_families(standings: Mapping[Key, CostStanding], gauge: Family) -> Iterator[Metric]:
    """All of them; those without samples too."""
    every = [((*key, one.price.currency), one) for key, one in standings.items()]
    yield gauge(
        "cost_spent",
        "Spent in the period so far, by what the pods did meanwhile.",
        ("currency", "part"),
        (
            ((*labels, part), units / UNITS)
            for labels, one in every
            for part, units in zip(PARTS, one.spent.parts, strict=True)
        ),
    )
    yield gauge(
        "cost_period_start_timestamp_seconds",
        "When the period began, in Unix seconds.",
        (),
        ((key, one.period.begin.timestamp()) for key, one in standings.items()),
    )
    yield gauge(
        "cost_budget",
        "The period's budget.",
        ("currency",),
        ((labels, float(one.budget)) for labels, one in every if one.budget is not None),
    )
    yield gauge(
        "cost_forecast",
        "What the period will come to: expected, and both ends of the 80 % interval.",
        ("currency", "bound"),
        (
            ((*labels, bound), getattr(one.outlook.total, bound))
            for labels, one in every
            if one.outlook.total is not None
            for bound in ("expected", "low", "high")
        ),
    )
    yield gauge(
        "cost_per_million_completion_tokens",
        "Spent in the period by million completion tokens, idle time included or of busy time alone.",
        ("currency", "idle"),
        (
            ((*labels, idle), float(units / UNITS))
            for labels, one in every
            for idle, units in (
                ("included", one.per_million(one.spent.total)),
                ("excluded", one.per_million(one.spent.busy) if one.tells_busy else None),
            )
            if units is not None
        ),
    )
