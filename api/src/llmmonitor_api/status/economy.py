"""Versions of the model and what it all costs."""

from datetime import datetime
from enum import StrEnum

from llmmonitor_api.status.model import Count, DecimalText, Label, Number, Ratio, Sentence, StatusModel


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


class AllocatedCost(StatusModel):
    """Cost divided between prompt and completion tokens by the model that the spec declares."""

    per_million_prompt_tokens: DecimalText
    """Per million prompt tokens, idle time included."""
    per_million_completion_tokens: DecimalText
    """Per million completion tokens, idle time included."""
    completion_token_weight: DecimalText
    """The declared model: how many prompt tokens a completion token counts as."""


class ComparedCost(StatusModel):
    """What the period's tokens would cost at the prices that the spec compares with."""

    name: Label = ""
    """Whose prices they are."""
    would_cost: DecimalText
    """All exactly counted prompt and completion tokens of the period at them."""
    ratio: Number | None = None
    """What was spent, as a multiple of it: above 1 the API would be cheaper."""


class CostStatus(StatusModel):
    """What was spent in this period, exact, and what it will come to."""

    currency: Label = ""
    """As the spec labels it."""
    period_start: datetime | None = None
    """When the budget's period began."""
    counted_since: datetime | None = None
    """From when on everything is counted, where that is later than the period began."""
    spent: DecimalText | None = None
    """Total so far: busy, idle, loading, probes and unobserved, to the last digit."""
    busy: DecimalText | None = None
    """While requests were answered."""
    idle: DecimalText | None = None
    """While none was."""
    loading: DecimalText | None = None
    """While models loaded."""
    probes: DecimalText | None = None
    """For probes."""
    unobserved: DecimalText | None = None
    """While pods were ready and nobody told whether they worked."""
    device_hours: Number | None = None
    """Hours that were charged: of GPUs, pods or nodes, as the price is."""
    requests: Count | None = None
    """Requests answered in the period so far."""
    prompt_tokens: Count | None = None
    """Prompt tokens in it, from exact sources alone."""
    completion_tokens: Count | None = None
    """Completion tokens in it, from exact sources alone."""
    per_million_tokens: DecimalText | None = None
    """Per million completion tokens, idle time included."""
    per_million_tokens_busy: DecimalText | None = None
    """The same without idle time: of busy time alone."""
    per_request: DecimalText | None = None
    """Per answered request, idle time included."""
    allocated: AllocatedCost | None = None
    """Divided between prompt and completion, if the spec declares how."""
    compared_with: ComparedCost | None = None
    """Beside prices by the token, if the spec gives some."""
    note: Sentence = ""
    """What keeps a figure from being given."""
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
