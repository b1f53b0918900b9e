"""Versions of the model and what it all costs."""

from datetime import datetime
from enum import StrEnum

from llmmonitor_api.status.model import Count, DecimalText, Label, Ratio, Sentence, StatusModel


class VersionVerdict(StrEnum):
    """How a version compares with the one it is compared with."""

    BETTER = "Better"
    WORSE = "Worse"
    NO_DIFFERENCE = "NoDifference"
    INCONCLUSIVE = "Inconclusive"
    CONFOUNDED_BY_TIME = "ConfoundedByTime"


class VersionStatus(StatusModel):
    """One version of the model that ran."""

    name: Label
    """The version's fingerprint (shortened), image digest or label."""
    first_seen: datetime | None = None
    """When its first request was read."""
    last_seen: datetime | None = None
    """When its latest request was read."""
    pods: Count = 0
    """Pods that run it now."""
    requests: Count = 0
    """Requests it answered."""
    compared_with: Label | None = None
    """The version it is compared with."""
    verdict: VersionVerdict | None = None
    """How it compares."""
    message: Sentence = ""
    """By which figures."""


class CostStatus(StatusModel):
    """What was spent in this period, exact, and what it will come to."""

    currency: Label = ""
    """As the spec labels it."""
    period_start: datetime | None = None
    """When the budget's period began."""
    spent: DecimalText | None = None
    """Total so far: busy, idle, loading and probes."""
    busy: DecimalText | None = None
    """While requests were answered."""
    idle: DecimalText | None = None
    """While none was."""
    loading: DecimalText | None = None
    """While models loaded."""
    probes: DecimalText | None = None
    """For probes."""
    per_million_tokens: DecimalText | None = None
    """Per million completion tokens, idle time included."""
    per_million_tokens_busy: DecimalText | None = None
    """The same without idle time."""
    forecast: DecimalText | None = None
    """What the period will come to."""
    forecast_low: DecimalText | None = None
    """The lower 80 % bound of it."""
    forecast_high: DecimalText | None = None
    """The upper 80 % bound of it."""
    budget: DecimalText | None = None
    """The period's budget."""
    budget_spent: Ratio | None = None
    """The share of it that is spent, up to 1."""
