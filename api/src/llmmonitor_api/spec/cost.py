"""What the hardware costs and what may be spent: `spec.cost`. Nothing is priced until a rate is given."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from llmmonitor_api.quantities import Amount, PositiveAmount
from llmmonitor_api.spec.model import Rule, SpecModel


class PricedBy(StrEnum):
    """What an hourly rate is for."""

    GPU = "GPU"
    POD = "Pod"
    NODE = "Node"


class BudgetPeriod(StrEnum):
    """The calendar period of a budget, in UTC."""

    DAY = "Day"
    WEEK = "Week"
    MONTH = "Month"


class HourlyRate(SpecModel):
    """What an hour of hardware costs."""

    amount: Amount
    """The price of an hour, in `currency`."""
    per: PricedBy = PricedBy.GPU
    """What is paid by the hour."""


class Budget(SpecModel):
    """What may be spent."""

    amount: PositiveAmount
    """The most per period, in `currency`."""
    period: BudgetPeriod = BudgetPeriod.MONTH
    """The calendar period (UTC)."""


class ApiPrices(SpecModel):
    """What the same tokens would cost elsewhere, by the token."""

    name: Annotated[str, Field(max_length=64)] = ""
    """Whose prices they are, for messages."""
    per_million_prompt_tokens: Amount
    """The price of a million prompt tokens, in `currency`."""
    per_million_completion_tokens: Amount
    """The price of a million completion tokens, in `currency`."""


class Cost(SpecModel):
    """Prices and budget."""

    hourly_rate: HourlyRate | None = None
    """What an hour of the hardware costs; without it cost is not known (NoPrice)."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", max_length=3)] = "USD"
    """ISO 4217; a label, nothing is converted."""
    budget: Budget | None = None
    """What may be spent per period; a forecast warns before it is overrun."""
    completion_token_weight: PositiveAmount | None = None
    """How many prompt tokens one completion token is taken to cost as much as, to allocate cost to both; a
    declared model, not a measurement. Without it nothing is allocated."""
    compared_with: ApiPrices | None = None
    """Prices of an API by the token, to compare with."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            at="budget",
            reads=("budget", "hourly_rate"),
            message="a budget needs a price to be compared with; give hourlyRate",
            holds=lambda one: one.budget is None or one.hourly_rate is not None,
            cel="!has(self.budget) || has(self.hourlyRate)",
        ),
    )
