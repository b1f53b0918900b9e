"""Days of long ago by the month, where there is no room for each: sums stay exact, no single one is read."""

from __future__ import annotations

import msgspec

from llmmonitor_api.spec.cost import BudgetPeriod
from llmmonitor_operator.cost.ledger import Ledger, Line, added
from llmmonitor_operator.cost.period import day_of, period_of

DAYS_KEPT = 93
"""Single ones: this quarter and more than a forecast looks back."""


def folded(ledger: Ledger) -> Ledger:
    """The ledger with every day before the last DAYS_KEPT put to the first day of its month."""
    oldest = day_of(ledger.looked_at or max((line.until for line in ledger.lines), default=0)) - DAYS_KEPT
    return msgspec.structs.replace(ledger, lines=tuple(_folded(line, oldest) for line in ledger.lines))


def _folded(line: Line, oldest: int) -> Line:
    placed = (
        (day if day > oldest else period_of(day, BudgetPeriod.MONTH).first, spent)
        for day, spent in line.days.items()
    )
    return msgspec.structs.replace(line, days=added({}, placed))
