"""`status.cost`: the period's amounts, exact, and what a token and a request cost by them."""

from __future__ import annotations

from datetime import datetime
from decimal import Context, Decimal
from fractions import Fraction

from llmmonitor_api.status import CostStatus
from llmmonitor_api.status.economy import AllocatedCost, ComparedCost
from llmmonitor_operator.cost.period import DAY_MS
from llmmonitor_operator.cost.price import MS_PER_HOUR, SHOWN_DIGITS, in_units, money, money_by_part
from llmmonitor_operator.cost.standing import CostStanding
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.settings import CostSettings

_DERIVED = Context(prec=4)
"""Digits of what is divided: a status that changed with every second would be written each minute."""
_SHOWN_BELOW = Decimal(10**15)
"""As the status' schema has it: what an absurd price comes to is left out."""


def cost_status(cost: CostStanding | None, settings: CostSettings) -> CostStatus | None:
    """The section; None while there is nothing to say."""
    if cost is None:
        return None
    spent = cost.spent
    parts = money_by_part(spent.parts)
    busy, idle, loading, probes, unobserved = map(_text, parts)
    total = cost.outlook.total
    budget = cost.budget
    weight, other = settings.completion_token_weight, settings.compared_with
    return CostStatus(
        currency=cost.price.currency,
        period_start=cost.period.begin,
        counted_since=_later(cost),
        spent=_text(money(spent.total)),
        busy=busy,
        idle=idle,
        loading=loading,
        probes=probes,
        unobserved=unobserved,
        device_hours=spent.device_ms / MS_PER_HOUR,
        requests=spent.answered,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        per_million_tokens=_derived(cost.per_million(spent.total)),
        per_million_tokens_busy=_derived(cost.per_million(spent.busy)) if cost.tells_busy else None,
        per_request=_derived(cost.per_request),
        allocated=None if weight is None else _allocated(cost, weight),
        compared_with=None
        if other is None
        else _compared(cost, other.name, cost.at_prices(other.prompt, other.completion)),
        note=_note(cost),
        forecast=None if total is None else _cents(total.expected),
        forecast_low=None if total is None else _cents(total.low),
        forecast_high=None if total is None else _cents(total.high),
        budget=None if budget is None else _text(budget),
        budget_spent=None if budget is None else min(1.0, spent.total / in_units(budget)),
    )


def _later(cost: CostStanding) -> datetime | None:
    if cost.counted_since <= cost.period.first * DAY_MS:
        return None
    return wording.instant(cost.counted_since / 1000)


def _allocated(cost: CostStanding, weight: Decimal) -> AllocatedCost | None:
    found = cost.allocated(weight)
    if found is None:
        return None
    prompt, completion = map(_derived, found)
    declared = _text(weight)
    if prompt is None or completion is None or declared is None:
        return None
    return AllocatedCost(
        per_million_prompt_tokens=prompt,
        per_million_completion_tokens=completion,
        completion_token_weight=declared,
    )


def _compared(cost: CostStanding, name: str, units: Fraction | None) -> ComparedCost | None:
    would_cost = None if units is None else _text(money(units))
    if would_cost is None:
        return None
    ratio = float(cost.spent.total / units) if units else None
    return ComparedCost(name=name, would_cost=would_cost, ratio=ratio)


def _note(cost: CostStanding) -> str:
    share = cost.exact_share
    notes = []
    if share is not None and share < 1:
        every = wording.count(cost.spent.exact + cost.spent.counted)
        counted = f"{wording.count(cost.spent.counted)} of {every} requests"
        words = f"tokens of {counted} are only a lower bound and not counted here"
        notes.append(words if cost.prices_tokens else f"{words}: no token is priced")
    if not cost.tells_busy:
        notes.append("for more than a tenth of the ready time nobody told whether pods worked")
    return "; ".join(notes)


def _derived(units: Fraction | None) -> str | None:
    """Four significant digits, as many decimals as an amount has."""
    return None if units is None else _text(_DERIVED.plus(money(units)))


def _cents(value: float) -> str | None:
    return _text(round(Decimal(value), 2))


def _text(value: Decimal) -> str | None:
    """Without trailing zeros or an exponent; None if it is too large to be shown."""
    if abs(value) >= _SHOWN_BELOW:
        return None
    text = f"{value:.{SHOWN_DIGITS}f}"
    return text.rstrip("0").rstrip(".")
