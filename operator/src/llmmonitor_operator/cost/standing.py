"""What a monitor's model costs in the period that now is in, and what comes of it: for conditions and status.

Tokens are those of exact sources. Requests whose tokens were only counted from deltas leave their tokens out
of the divisor, so above a tenth of them no token is priced, and that is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from llmmonitor_operator.cost.ledger import Ledger, Spent, within
from llmmonitor_operator.cost.outlook import Outlook, outlook
from llmmonitor_operator.cost.period import DAY_MS, Period, day_of, period_of
from llmmonitor_operator.cost.price import Price, in_units
from llmmonitor_operator.settings import CostSettings

EXACT_SHARE_NEEDED = 0.9
"""Of the requests that got tokens; below it cost per token would be too high by more than a tenth."""
TOLD_SHARE_NEEDED = 0.9
"""Of the ready time; below it what was busy is not known well enough to be priced alone."""
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class CostStanding:
    """One period so far; amounts in units of `price.py`."""

    price: Price
    period: Period
    spent: Spent
    counted_since: int
    """From when in the period on the ledger holds everything, Unix milliseconds."""
    prices: int
    """How many there were in the period, as far as that is known."""
    more_prices: bool
    """Whether there may have been more: lines of several were put together."""
    other_currencies: tuple[tuple[str, int], ...]
    """What was spent in others within it; never added."""
    outlook: Outlook
    restored_at: int
    """When the ledger was read from a checkpoint, Unix milliseconds; 0 if it was not."""
    budget: Decimal | None = None

    @property
    def is_over(self) -> bool:
        """Whether more than the budget is spent, exactly."""
        return self.budget is not None and self.spent.total > in_units(self.budget)

    @property
    def exact_share(self) -> float | None:
        """Requests with exact completion tokens, of those that got tokens; None without any."""
        every = self.spent.exact + self.spent.counted
        return self.spent.exact / every if every else None

    @property
    def prices_tokens(self) -> bool:
        """Whether there are tokens, and enough of them from exact sources."""
        share = self.exact_share
        return share is not None and share >= EXACT_SHARE_NEEDED and self.spent.completion_tokens > 0

    @property
    def tells_busy(self) -> bool:
        """Whether enough of the ready time is told to be busy or idle."""
        told = self.spent.busy + self.spent.idle
        return told >= TOLD_SHARE_NEEDED * (told + self.spent.unobserved)

    def per_million(self, units: int) -> Fraction | None:
        """Units per million completion tokens, for units of this period."""
        return Fraction(units * _MILLION, self.spent.completion_tokens) if self.prices_tokens else None

    @property
    def per_request(self) -> Fraction | None:
        """Units per answered request, idle time included."""
        return Fraction(self.spent.total, self.spent.answered) if self.spent.answered else None

    def allocated(self, completion_weight: Decimal) -> tuple[Fraction, Fraction] | None:
        """Units per million prompt and completion tokens, by the declared weight of a completion token."""
        if not self.prices_tokens:
            return None
        weight = Fraction(completion_weight)
        prompts = self.spent.prompt_tokens + weight * self.spent.completion_tokens
        per_prompt = Fraction(self.spent.total * _MILLION) / prompts
        return per_prompt, per_prompt * weight

    def at_prices(self, prompt: Decimal, completion: Decimal) -> Fraction | None:
        """What the tokens would cost by the million, in units."""
        if not self.prices_tokens:
            return None
        tokens = self.spent.prompt_tokens, self.spent.completion_tokens
        return Fraction(tokens[0] * in_units(prompt) + tokens[1] * in_units(completion), _MILLION)


def cost_standing(settings: CostSettings, ledger: Ledger, now: float) -> CostStanding | None:
    """The standing at `now` (Unix seconds); None without a price or before anything was charged."""
    price = settings.price
    if price is None or not ledger.lines:
        return None
    now_ms = int(now * 1000)
    period = period_of(day_of(now_ms), settings.period)
    begin = period.first * DAY_MS
    lines = [line for line in ledger.of(price.currency) if line.until >= begin]
    spent = within(lines, period.first, period.after)
    others: dict[str, int] = {}
    for line in ledger.lines:
        if line.currency != price.currency:
            units = within([line], period.first, period.after).total
            others[line.currency] = others.get(line.currency, 0) + units
    budget = None if settings.budget is None else float(settings.budget)
    return CostStanding(
        price=price,
        period=period,
        spent=spent,
        counted_since=max(begin, min((line.since for line in lines), default=now_ms)),
        prices=len({(line.amount, line.per) for line in lines if line.amount}),
        more_prices=not all(line.amount for line in lines),
        other_currencies=tuple((name, units) for name, units in others.items() if units),
        outlook=outlook(ledger, price, period, now_ms, budget),
        restored_at=ledger.restored_at,
        budget=settings.budget,
    )
